//! What ties an attempt to the history of its route.
//!
//! The history is shared by all calls of a client and outlives each of them. An attempt holds a clone of it, and notes its own
//! silence there when it ends, whichever layer ends it.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{How, Resolution, RouteHistory, RouteId, SilenceEnding, TimeScale};

/// Where an attempt goes, and by which clock: what the layers know and an outcome does not say.
#[derive(Clone, Debug)]
pub(crate) struct RouteInfo {
    pub(crate) route: RouteId,
    pub(crate) resolution: Resolution,
    pub(crate) scale: TimeScale,
    pub(crate) history: RouteHistory,
}

/// How long nothing came after the request was sent whole, and what came then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silence {
    pub(super) at: Instant,
    pub(super) lasted: Duration,
    pub(super) how: How,
}

impl RouteInfo {
    /// The limit that the last pictures ask for, where it is longer than `table`.
    pub(super) fn learned_limit(&self, table: Duration) -> Option<Duration> {
        self.history
            .learned_limit(&self.route, self.resolution, table, self.scale)
    }

    /// Writes down how the silence ended.
    ///
    /// Called under the attempt's lock, once, at the end.
    pub(super) fn note(&self, silence: Silence) {
        let Silence { at, lasted, how } = silence;
        let silence = self.scale.seconds(lasted);
        let ending = SilenceEnding { at, silence, how };
        self.history
            .note(&self.route, self.resolution, ending, self.scale);
    }
}
