//! Which ledger an upstream's attempts go to. One value for all upstreams of a gateway: claims and caps are looked at
//! over all of them.

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
    ///
    /// The page shows its operations by id, and no money by day: nothing of it outlives the process.
    Memory(MemoryLedger),
    /// In a database.
    ///
    /// An attempt is sent when its entry is durable, so that a database that hangs holds calls up, and one that is
    /// gone refuses them.
    Durable(DurableLedger),
}

impl Books {
    /// Opens the ledger at `place`: `memory`, a file, or a `postgres://` URL.
    ///
    /// A file that another process writes is refused. What a process that is gone left open is closed here: see
    /// [`DurableLedger::recovered`].
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
    /// At the end of the process, when no call runs any more.
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
