use longhaul_ledger::{DurableLedger, LedgerError};

use crate::core::MemoryLedger;

/// Where attempts are written down.
///
/// ```
/// use longhaul_gateway::upstream::Books;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), longhaul_ledger::LedgerError> {
/// assert!(matches!(Books::open("memory").await?, Books::Memory(_)));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Books {
    /// In memory, for demonstrations and tests.
    Memory(MemoryLedger),
    /// In a database.
    Durable(DurableLedger),
}

impl Books {
    /// Opens the ledger at `place`: `memory`, a file, or a `postgres://` URL.
    ///
    /// # Errors
    ///
    /// As of [`DurableLedger::open`]; none in memory.
    pub async fn open(place: &str) -> Result<Self, LedgerError> {
        if place == "memory" {
            return Ok(Self::Memory(MemoryLedger::default()));
        }
        DurableLedger::open(place).await.map(Self::Durable)
    }

    /// Writes everything that was handed over.
    ///
    /// # Errors
    ///
    /// As of [`DurableLedger::close`]: not everything could be written.
    pub async fn close(&self) -> Result<(), LedgerError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Durable(ledger) => ledger.close().await,
        }
    }
}
