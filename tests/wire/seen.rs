//! What the ledger wrote down, and what the provider saw.

use longhaul::{Stack, billing::Record};
use longhaul_sim::Entry;

/// The only record of a ledger, closed.
pub(crate) fn only_record(stack: &Stack) -> Record {
    let mut records = stack.ledger().records();
    assert_eq!(records.len(), 1, "{records:?}");
    let record = records.remove(0);
    assert!(!record.is_open(), "{record:?}");
    record
}

/// The value of a header that the provider saw.
pub(crate) fn header<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    let (_, value) = entry.headers.iter().find(|(known, _)| known == name)?;
    Some(value)
}
