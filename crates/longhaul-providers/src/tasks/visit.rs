//! One at a time of the calls that ask for the same under the same key.
//!
//! A value with a `Drop`, because a call may end at any await: whichever way it goes, an operation that left no task is
//! forgotten.

use std::sync::Arc;

use super::{
    open::{OperationKey, Place},
    service::Shared,
};

/// Where the calls of one operation meet, left when it is dropped.
pub(super) struct Visit<'a> {
    key: OperationKey,
    pub(super) place: Arc<Place>,
    shared: &'a Shared,
}

impl<'a> Visit<'a> {
    pub(super) fn new(key: OperationKey, shared: &'a Shared) -> Self {
        Self {
            place: shared.open.place(&key),
            key,
            shared,
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.shared.open.leave(&self.key);
    }
}
