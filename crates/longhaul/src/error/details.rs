//! What the kinds of errors name besides their numbers.

use std::fmt;

/// Which clock expired.
///
/// Each is a field of a policy, so that the one that ran out names what to change: [`TimeoutPolicy`](crate::timeout::TimeoutPolicy)
/// has all but [`Connect`](Self::Connect), the client's own, and [`Operation`](Self::Operation), the
/// [`Deadline`](crate::Deadline).
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Error, ErrorKind, error::Clock};
///
/// let seconds = Duration::from_secs;
/// let (clock, limit, elapsed) = (Clock::Silence, seconds(120), seconds(120));
/// let error = Error::new(ErrorKind::Timeout { clock, limit, elapsed, resolution: None });
/// assert!(error.is_timeout());
/// assert!(error.to_string().starts_with("the answer stopped arriving within 120.0 s"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Clock {
    /// DNS, TCP and TLS together.
    ///
    /// [`Builder::connect_timeout`] of `longhaul-hyper`, 10 s there. Free: nothing was sent.
    ///
    /// [`Builder::connect_timeout`]: https://docs.rs/longhaul-hyper/latest/longhaul_hyper/struct.Builder.html#method.connect_timeout
    Connect,
    /// From the call until the request body is first asked for.
    ///
    /// [`TimeoutPolicy::start`](crate::timeout::TimeoutPolicy::start): a client without a free connection, or one that does not connect.
    Start,
    /// No progress while the request is written.
    ///
    /// [`TimeoutPolicy::write_progress`](crate::timeout::TimeoutPolicy::write_progress): an uplink that is gone, or nobody who reads.
    WriteProgress,
    /// From the flushed request until the picture begins to arrive.
    ///
    /// [`TimeoutPolicy::picture`](crate::timeout::TimeoutPolicy::picture), by size. The call most likely goes on, and is charged.
    Picture,
    /// Between two pieces of the answer, once the picture has begun.
    ///
    /// [`TimeoutPolicy::silence`](crate::timeout::TimeoutPolicy::silence): the picture was made, and stopped arriving.
    Silence,
    /// One attempt as a whole.
    ///
    /// [`TimeoutPolicy::attempt`](crate::timeout::TimeoutPolicy::attempt), off by default.
    Attempt,
    /// The operation as a whole, with all its attempts and waits.
    ///
    /// The [`Deadline`](crate::Deadline) of its caller, or of [the policy](crate::retry::RetryPolicy::deadline).
    Operation,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "no connection (DNS, TCP and TLS)",
            Self::Start => "the request did not begin to leave",
            Self::WriteProgress => "the request stopped leaving",
            Self::Picture => "no picture for the sent request",
            Self::Silence => "the answer stopped arriving",
            Self::Attempt => "the attempt did not end",
            Self::Operation => "the operation did not end",
        })
    }
}

/// How far a connection got.
///
/// Whichever it is, not a byte of the request was sent, and trying again is free. It says where to look: at the resolver, at a
/// firewall, at certificates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ConnectStage {
    /// Resolving the name.
    Dns,
    /// Reaching the address.
    Tcp,
    /// The TLS handshake, ALPN among it.
    Tls,
    /// Somewhere on the way; the client does not say.
    Unknown,
}

impl fmt::Display for ConnectStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the host name was not resolved",
            Self::Tcp => "no TCP connection",
            Self::Tls => "the TLS handshake failed",
            Self::Unknown => "no connection",
        })
    }
}

/// What must not leave over plain http.
///
/// Refused before anything is sent: see [`Http1Policy::scope`](crate::http1::Http1Policy::scope) and
/// [`Sensitive`](crate::http1::Sensitive).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Insecure {
    /// An API key, over a public network.
    Key,
    /// A request that is marked as sensitive, over any network.
    Sensitive,
}
