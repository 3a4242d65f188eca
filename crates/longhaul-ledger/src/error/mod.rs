//! Why a ledger could not be opened, written or read.
//!
//! One type for all of the crate, with a kind that a program can match and a text that a person can act on. Everybody
//! who waits for one commit gets the same error, so the source is shared and the error can be cloned.

mod codes;
mod kind;

use std::{error::Error, fmt, sync::Arc};

pub use self::kind::LedgerErrorKind;

/// Why a ledger could not be opened, written or read.
///
/// Its text is for a person who can mend it, and never holds a password. A program looks at its [`kind`](Self::kind):
///
/// ```
/// use longhaul_ledger::{DurableLedger, LedgerError, LedgerErrorKind};
///
/// async fn open() -> Result<DurableLedger, LedgerError> {
///     let opened = DurableLedger::open("spend.db").await;
///     if let Err(error) = &opened
///         && let LedgerErrorKind::InUse { by, .. } = error.kind()
///     {
///         eprintln!("one writer per file, and {by} is it");
///     }
///     opened
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LedgerError {
    kind: LedgerErrorKind,
    // Shared: everybody who waits for one commit is told why it failed.
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl LedgerError {
    /// What went wrong.
    ///
    /// ```
    /// use longhaul_ledger::{LedgerErrorKind, month};
    ///
    /// let error = month("Januar").unwrap_err();
    /// let LedgerErrorKind::Setting { name, .. } = error.kind() else { panic!("{error}") };
    /// assert_eq!(name, "month");
    /// ```
    pub const fn kind(&self) -> &LedgerErrorKind {
        &self.kind
    }

    /// What stands behind it: the database's own words, for whoever looks for them with [`source`](Error::source).
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// A setting called `name` that cannot work.
    pub(crate) fn setting(name: impl Into<String>, why: impl fmt::Display) -> Self {
        let (name, why) = (name.into(), why.to_string());
        LedgerErrorKind::Setting { name, why }.into()
    }

    /// A row whose `column` cannot be read.
    pub(crate) fn row(column: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::row_of(None, column, why)
    }

    /// The same of an entry that is known.
    pub(crate) fn row_of(
        entry: Option<String>,
        column: impl Into<String>,
        why: impl fmt::Display,
    ) -> Self {
        let (column, why) = (column.into(), why.to_string());
        LedgerErrorKind::Row { entry, column, why }.into()
    }

    /// Whether it passes by itself, so that it helps to wait.
    ///
    /// The writer tries such a commit again and lets openings wait; for all others it refuses openings at once.
    /// `Changed` is not among them: it is about reading, and whoever reads asks again.
    pub(crate) const fn passes(&self) -> bool {
        matches!(
            self.kind,
            LedgerErrorKind::Unreachable | LedgerErrorKind::Locked
        )
    }
}

impl From<LedgerErrorKind> for LedgerError {
    fn from(kind: LedgerErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl Error for LedgerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
