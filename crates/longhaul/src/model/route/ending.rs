//! The one kind of fact that a route's history is made of: how long nothing came after a request, and what came then. It says
//! nothing of the request, so that a history can be shown to anybody.

use tokio::time::Instant;

/// How a silence ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// The picture began to arrive: so long the generation took.
    Picture,
    /// Something on the way cut the connection, or gave up with a page of its own.
    Cut,
    /// Any other answer came, one of our own clocks ended it, or the caller left: it lasted at least so long.
    ///
    /// Thrown away, these would make a route look better than it is: a caller that leaves after 290 s has seen 290 s of
    /// silence.
    Longer,
}

/// A silence after a request that was sent whole.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct SilenceEnding {
    /// When it ended.
    pub(crate) at: Instant,
    /// How long it lasted, in the provider's seconds.
    pub(crate) silence: f64,
    pub(crate) how: How,
}

impl SilenceEnding {
    /// Whether the silence had lasted for so long, or may have: `tolerance` is what two clocks differ by.
    pub(super) fn reached(&self, seconds: f64, tolerance: f64) -> bool {
        self.silence >= seconds - tolerance
    }
}
