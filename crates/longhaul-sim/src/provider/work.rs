//! Work: the making of pictures, which nobody can stop.
//!
//! This is the half of the simulator that costs money: a work that has begun runs to its end in a task of its own, and
//! is charged there, whether anybody waits or not. The oracle counts it as busy until then. Nothing else may charge.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::Provider;
use crate::{Work, oracle::Record, picture::Picture};

/// A work that runs or is done. All clones wait for the same.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    /// Set when the work is taken back, which counts until it begins.
    stopped: Arc<AtomicBool>,
    /// On the provider's clock.
    takes: Duration,
    /// Empty until the work is done; without a picture in it where it made none.
    done: watch::Receiver<Option<Arc<[Picture]>>>,
}

/// How a work is to go: decided when the request is read, and not changed afterwards.
#[derive(Debug)]
pub(super) struct Order {
    /// How long it takes, on the provider's clock.
    pub(super) takes: Duration,
    /// Whether it ends without a picture, and is charged all the same.
    pub(super) fruitless: bool,
    /// Whether it is given up in its course, and costs nothing.
    pub(super) free: bool,
    /// For the identities of its pictures.
    pub(super) rng: fastrand::Rng,
}

impl Generation {
    /// Starts the work in a task of its own; it is charged to `record` when it is done.
    ///
    /// It needs a tokio runtime; one that shuts down ends the work uncharged.
    pub(super) fn start(
        provider: &Provider,
        record: Record,
        work: &Work,
        mut order: Order,
    ) -> Self {
        let (tell, done) = watch::channel(None);
        let busy = record.oracle().busy();
        let provider = provider.clone();
        let work = work.clone();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let takes = order.takes;
        tokio::spawn(async move {
            provider.inner.clock.sleep(order.takes).await;
            let settings = &provider.inner.settings;
            let free = order.free || stop.load(Ordering::Relaxed);
            let images = if order.fruitless || free {
                0
            } else {
                work.images
            };
            let pictures: Result<Vec<_>, _> = (0..images)
                .map(|_| Picture::new(work.width, work.height, settings.weight, order.rng.u128(..)))
                .collect();
            // Sizes were checked when the request was read; a size that cannot be encoded all the same costs nothing.
            let pictures = pictures.inspect(|pictures| {
                let price = settings.prices[work.resolution as usize] * u64::from(work.images);
                let micros = if free { 0 } else { price };
                record.charge(micros, pictures);
            });
            tell.send_replace(Some(pictures.unwrap_or_default().into()));
            drop(busy);
        });
        Self {
            stopped,
            takes,
            done,
        }
    }

    /// How long it takes (provider time).
    pub(super) fn takes(&self) -> Duration {
        self.takes
    }

    /// Takes it back: what has not begun is not made, and not charged.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was taken back.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// The pictures, if the work is done.
    pub(super) fn done(&self) -> Option<Arc<[Picture]>> {
        self.done.borrow().clone()
    }

    /// The pictures, when the work is done; none if it made none.
    pub(super) async fn pictures(mut self) -> Arc<[Picture]> {
        match self.done.wait_for(Option::is_some).await {
            Ok(pictures) => pictures.clone().unwrap_or_default(),
            // The runtime is shutting down.
            Err(_) => Arc::default(),
        }
    }
}
