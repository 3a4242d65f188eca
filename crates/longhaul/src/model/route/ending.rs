use tokio::time::Instant;

/// How a silence ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// The picture began to arrive: so long the generation took.
    Picture,
    /// Something on the way cut the connection, or gave up with a page of its own.
    Cut,
    /// Any other answer came, one of our own clocks ended it, or the caller left: it lasted at least so long.
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
