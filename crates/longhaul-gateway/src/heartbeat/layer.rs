//! Nothing is shared between the lines of two callers: the layer is its policy.

use tower_layer::Layer;

use super::{Heartbeat, HeartbeatPolicy};

/// Puts a [`Heartbeat`] around a service.
///
/// It stands outermost, above replay and detach: it is the caller's line that it keeps open, and not the provider's.
///
/// Below another layer that buffers answers it does nothing for the caller: what it sends must reach the line at
/// once.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct HeartbeatLayer {
    policy: HeartbeatPolicy,
}

impl HeartbeatLayer {
    /// By `policy`.
    pub const fn new(policy: HeartbeatPolicy) -> Self {
        Self { policy }
    }
}

impl<S> Layer<S> for HeartbeatLayer {
    type Service = Heartbeat<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Heartbeat::new(inner, self.policy)
    }
}
