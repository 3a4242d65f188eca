//! How a call travelled. It is data, and stands here, because the attempt keeps it and errors show it.

use http::Version;

/// How a call really travelled: [`Http1Report::of`] its response.
///
/// A client can be told to speak HTTP/1.1 and not do it: what counts is the connection, and this says what it was.
///
/// ```
/// use longhaul::http1::Http1Report;
///
/// /// For a health check: does the connector below do what the policy says?
/// fn is_as_wanted<B>(answer: &http::Response<B>) -> bool {
///     Http1Report::of(answer).is_none_or(|report| !report.mismatch && !report.key_in_clear)
/// }
///
/// assert!(is_as_wanted(&http::Response::new(())), "no layer has looked at it");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Http1Report {
    /// The version that the answer came with.
    pub version: Version,
    /// Whether the policy wants HTTP/1.1 for this host.
    pub forced: bool,
    /// HTTP/1.1 was wanted, and the answer came over something newer, or the server switched to another
    /// protocol: the connector below must offer `http/1.1` alone.
    ///
    /// The answer is handed on all the same: it is paid for. Only the connector can mend it.
    pub mismatch: bool,
    /// A key went over plain http on a network that is declared public; it can have been read.
    ///
    /// The key should be replaced. On a network that is declared `PublicProduction` such a request is refused instead.
    pub key_in_clear: bool,
}
