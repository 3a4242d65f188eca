//! Why there is no connection: the stage, the proxy, the clock.

use std::{error::Error as StdError, fmt, io, time::Duration};

use http::StatusCode;
use longhaul::{BoxError, error::ConnectStage};

use super::proxy::Refused;

/// Why there is no connection. Nothing was sent, so trying again is free.
///
/// The error of a [`Connector`](crate::Connector), and the source of the [`longhaul::Error`] that a [`Client`](crate::Client) returns
/// for it. What the operating system or TLS said is its own source.
///
/// ```
/// use std::error::Error;
/// use longhaul_hyper::ConnectError;
///
/// /// Which proxy to look at, where it was one.
/// fn proxy_at_fault(error: &longhaul::Error) -> Option<&str> {
///     error.source()?.downcast_ref::<ConnectError>()?.proxy()
/// }
///
/// let other = longhaul::Error::new(longhaul::ErrorKind::Disconnected);
/// assert_eq!(proxy_at_fault(&other), None);
/// ```
///
/// A refused connect, for example:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul::error::ConnectStage;
/// use longhaul_hyper::Client;
/// use tower_service::Service;
///
/// let mut connector = Client::builder().plain_http_only().build_connector()?;
/// // Nobody listens on port 1 of this machine.
/// let error = connector.call("http://127.0.0.1:1".parse()?).await.unwrap_err();
/// assert_eq!(error.stage(), ConnectStage::Tcp);
/// assert_eq!((error.proxy(), error.timed_out()), (None, None));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ConnectError {
    stage: ConnectStage,
    problem: Problem,
    proxy: Option<Box<str>>,
}

/// What went wrong in the stage.
#[derive(Debug)]
enum Problem {
    TimedOut { limit: Duration, elapsed: Duration },
    Failed(BoxError),
}

impl ConnectError {
    /// A stage that failed by itself.
    pub(super) fn new(stage: ConnectStage, source: impl Into<BoxError>) -> Self {
        Self {
            stage,
            problem: Problem::Failed(source.into()),
            proxy: None,
        }
    }

    /// A stage in which the connect clock ran out.
    pub(super) const fn timed_out_in(
        stage: ConnectStage,
        limit: Duration,
        elapsed: Duration,
    ) -> Self {
        Self {
            stage,
            problem: Problem::TimedOut { limit, elapsed },
            proxy: None,
        }
    }

    /// What fits no stage: the handshake of HTTP, which sends nothing.
    pub(crate) fn unknown(source: impl Into<BoxError>) -> Self {
        Self::new(ConnectStage::Unknown, source)
    }

    /// The same error, of the way to or through this proxy.
    pub(super) fn at_proxy(self, name: String) -> Self {
        Self {
            proxy: Some(name.into()),
            ..self
        }
    }

    /// The outbound proxy that was not reached, or that opened no way to the host: its URL without user and
    /// password.
    ///
    /// `None` where the host was reached directly, or the way through the proxy was open and TLS to the host failed.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// What an HTTP proxy answered instead of opening the way.
    ///
    /// 407 asks for user and password; 403 and 405 mean that the proxy does not allow `CONNECT` to this host and port.
    /// `None` for a SOCKS proxy, whose refusals have no status.
    pub fn proxy_status(&self) -> Option<StatusCode> {
        match &self.problem {
            Problem::Failed(source) => source.downcast_ref().map(|Refused(status)| *status),
            Problem::TimedOut { .. } => None,
        }
    }

    /// How far it got: name, TCP or TLS. With a [proxy](Self::proxy) this is said of the way to that; `Unknown` is the proxy's own
    /// answer, or an address that nobody can connect to.
    pub const fn stage(&self) -> ConnectStage {
        self.stage
    }

    /// The connect clock's limit and what really passed, if it was the clock. The second is more than the first where the
    /// runtime was busy.
    pub const fn timed_out(&self) -> Option<(Duration, Duration)> {
        match self.problem {
            Problem::TimedOut { limit, elapsed } => Some((limit, elapsed)),
            Problem::Failed(_) => None,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proxy {
            None => write!(f, "{}", self.stage)?,
            Some(proxy) => write!(
                f,
                "no way through the outbound proxy {proxy}: {}",
                self.stage
            )?,
        }
        match self.timed_out() {
            Some((limit, elapsed)) => write!(
                f,
                ": the {:.1} s for DNS, TCP and TLS ran out (elapsed {:.1} s)",
                limit.as_secs_f64(),
                elapsed.as_secs_f64(),
            ),
            None => Ok(()),
        }
    }
}

impl StdError for ConnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.problem {
            Problem::Failed(source) => Some(&**source),
            Problem::TimedOut { .. } => None,
        }
    }
}

/// The server has no HTTP/1.1 to offer.
///
/// Found out by ALPN, in TLS, so nothing was sent.
#[derive(Debug)]
pub(super) struct NoHttp1(pub(super) Option<io::Error>);

impl fmt::Display for NoHttp1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server does not offer HTTP/1.1, the only version that this client speaks")
    }
}

impl StdError for NoHttp1 {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            Some(error) => Some(error),
            None => None,
        }
    }
}
