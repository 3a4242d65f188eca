//! Commands that need more than a line.

pub(crate) mod collect;
pub(crate) mod page;
