use http::Version;

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
