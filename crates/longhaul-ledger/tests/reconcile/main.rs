//! The provider's log against the ledger.

mod books;
mod files;
mod logs;
mod matching;
mod planted;
mod stored;
