use http::{Response, Version};

use crate::attempt::Attempt;

/// How a call really travelled: [`Http1Report::of`] its response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Http1Report {
    /// The version that the answer came with.
    pub version: Version,
    /// Whether the policy wants HTTP/1.1 for this host.
    pub forced: bool,
    /// HTTP/1.1 was wanted, and the answer came over something newer, or the server switched to another
    /// protocol: the connector below must offer `http/1.1` alone.
    pub mismatch: bool,
    /// A key went over plain http on a network that is declared public; it can have been read.
    pub key_in_clear: bool,
}

impl Http1Report {
    /// How the call travelled that `response` answers; `None` where no [`ForceHttp1`](super::ForceHttp1) was
    /// on the way.
    pub fn of<B>(response: &Response<B>) -> Option<Self> {
        let extensions = response.extensions();
        // With the facts of the attempt, where there is one; else by itself.
        let attempt: Option<&Attempt> = extensions.get();
        attempt
            .and_then(Attempt::http1)
            .or_else(|| extensions.get().copied())
    }
}
