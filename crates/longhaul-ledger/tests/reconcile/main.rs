//! The provider's log against the ledger.

mod books;
mod files;
mod later;
mod logs;
mod matching;
mod planted;
#[cfg(feature = "cli")]
mod program;
mod stored;
