//! Taking a task back whose caller has left.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Takes the task back when it is dropped, if that is free of charge then. Disarmed when the task has ended.
pub(super) struct Leave {
    cancel: Option<Box<dyn FnOnce() + Send>>,
    free: Arc<AtomicBool>,
}

impl Leave {
    /// Nothing is taken back.
    pub(super) fn never() -> Self {
        Self {
            cancel: None,
            free: Arc::default(),
        }
    }

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
