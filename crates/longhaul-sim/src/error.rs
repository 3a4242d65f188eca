//! How a call fails when no HTTP answer comes.
//!
//! A simulated fault of the transport is told twice: as a kind, which a test asserts on, and as an [`io::Error`], which
//! the stack under test sees and has to judge without the kind, as it would on a real connection.

use std::{error::Error, fmt, io};

/// Any error.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A call that ended without an answer, or an answer that broke off.
///
/// In process it is what the client gets; its [`source`](Error::source) is the [`io::Error`] that a client on a real
/// socket would see. On a socket the same thing happens to the connection.
///
/// ```
/// use std::{error::Error, io};
/// use longhaul_sim::{Provider, SimErrorKind};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn Error>> {
/// let provider = Provider::builder().script("cut@60".parse()?).build()?;
/// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
/// let error = provider.oneshot(request).await.unwrap_err();
/// assert_eq!(error.kind(), SimErrorKind::Cut);
/// let io: &io::Error = error.source().unwrap().downcast_ref().unwrap();
/// assert_eq!(io.kind(), io::ErrorKind::UnexpectedEof);
/// # Ok(()) }
/// ```
///
/// It says nothing of what was charged: a client cannot know that, and the [`Oracle`](crate::Oracle) does.
#[derive(Debug)]
pub struct SimError {
    kind: SimErrorKind,
    source: BoxError,
}

/// What happened to the connection.
///
/// Only what a client can tell apart: a proxy that cuts and a server that dies look the same from here.
///
/// | kind | the [`io::ErrorKind`] behind it | may the work have begun |
/// |---|---|---|
/// | `Refused` | `ConnectionRefused` | no |
/// | `Reset` | `ConnectionReset` | yes, unless it came while the body was read |
/// | `Cut`, `Truncated` | `UnexpectedEof` | yes |
/// | `GoAway`, `StreamReset` | `ConnectionReset` | as `processed` says |
/// | `RequestBody` | the body's own error | no |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SimErrorKind {
    /// The connection was refused: nothing was sent.
    Refused,
    /// The connection was reset.
    Reset,
    /// The connection was closed before an answer.
    Cut,
    /// The answer's body broke off.
    ///
    /// It comes from the body, after a head with status 200; all others come in place of a head.
    Truncated,
    /// HTTP/2: the connection was ended by GOAWAY. `processed` says whether this request had been taken up.
    GoAway {
        /// Whether the request is among those that the GOAWAY says may have been processed.
        processed: bool,
    },
    /// HTTP/2: the stream was ended by RST_STREAM. `processed` is false for REFUSED_STREAM.
    StreamReset {
        /// Whether the request may have been processed.
        processed: bool,
    },
    /// The client's own request body failed while it was read.
    ///
    /// The entry of the request then says [`Received::Partial`](crate::Received::Partial).
    RequestBody,
}

impl SimError {
    /// With the error of the operating system that goes with this kind.
    pub(crate) fn new(kind: SimErrorKind) -> Self {
        let source = match kind {
            SimErrorKind::Refused => io::ErrorKind::ConnectionRefused,
            SimErrorKind::Cut | SimErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::ConnectionReset,
        };
        Self {
            kind,
            source: io::Error::from(source).into(),
        }
    }

    /// With the body's own error as its source.
    pub(crate) fn request_body(source: BoxError) -> Self {
        Self {
            kind: SimErrorKind::RequestBody,
            source,
        }
    }

    /// What happened.
    ///
    /// ```
    /// use longhaul_sim::{Provider, SimErrorKind};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().script("refused, goaway-unprocessed".parse()?).build()?;
    /// for kind in [SimErrorKind::Refused, SimErrorKind::GoAway { processed: false }] {
    ///     let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    ///     assert_eq!(provider.clone().oneshot(request).await.unwrap_err().kind(), kind);
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub const fn kind(&self) -> SimErrorKind {
        self.kind
    }
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            SimErrorKind::Refused => "connection refused",
            SimErrorKind::Reset => "connection reset before the answer",
            SimErrorKind::Cut => "connection closed before the answer",
            SimErrorKind::Truncated => "connection closed in the middle of the answer",
            SimErrorKind::GoAway { processed: true } => "connection ended by GOAWAY",
            SimErrorKind::GoAway { processed: false } => {
                "connection ended by GOAWAY, request not processed"
            }
            SimErrorKind::StreamReset { processed: true } => "stream reset",
            SimErrorKind::StreamReset { processed: false } => "stream refused",
            SimErrorKind::RequestBody => "request body failed while it was read",
        })
    }
}

impl Error for SimError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
