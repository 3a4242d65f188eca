//! Taking a task back whose caller has left.
//!
//! Dropping a future is how a caller leaves. The drop guard here then starts the cancellation, which runs on as a task
//! of its own. A policy has to ask for it: otherwise the guard is never armed. The state that the last poll has told
//! decides whether a cancellation is tried at all: only a state that the dialect calls free is one for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Takes the task back when it is dropped, if that is free of charge then. Disarmed when the task has ended.
pub(super) struct Leave {
    /// What starts the cancellation; `None` where nothing is to be cancelled, or the task has ended.
    cancel: Option<Box<dyn FnOnce() + Send>>,
    /// Whether the last state that was told is one in which cancelling is free.
    free: Arc<AtomicBool>,
}

impl Leave {
    /// Nothing is taken back.
    ///
    /// For a policy or a dialect without cancellation.
    pub(super) fn never() -> Self {
        Self {
            cancel: None,
            free: Arc::default(),
        }
    }

    /// Calls `cancel` when it is dropped in a state that is free. `cancel` must not block: it runs within the drop.
    pub(super) fn cancelling(cancel: impl FnOnce() + Send + 'static) -> Self {
        Self {
            cancel: Some(Box::new(cancel)),
            free: Arc::default(),
        }
    }

    /// Whether it is free of charge now, to be kept up to date.
    pub(super) fn free(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.free)
    }

    /// The task has ended, and nothing is left to be cancelled.
    pub(super) fn disarm(&mut self) {
        self.cancel = None;
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancel.take()
            && self.free.load(Ordering::Relaxed)
        {
            cancel();
        }
    }
}
