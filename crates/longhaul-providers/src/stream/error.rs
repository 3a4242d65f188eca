//! What a stream can lack, for whoever reads an error's source.

use std::fmt;

/// Why a stream brought no answer. The [`source`](std::error::Error::source) of a [`longhaul::Error`].
///
/// ```
/// use std::error::Error as _;
/// use longhaul_providers::stream::StreamError;
///
/// /// Whether the model worked, and the picture did not arrive: the provider owes it.
/// fn is_owed(error: &longhaul::Error) -> bool {
///     let stream = error.source().and_then(|source| source.downcast_ref());
///     matches!(stream, Some(StreamError::Ended { .. }))
/// }
/// ```
///
/// | variant | what the provider did | what to do |
/// |---|---|---|
/// | `Ended` | worked, and may have charged | claim the picture; a retry orders another one |
/// | `TooLong` | worked, and sent more than is held | raise [`StreamPolicy::longest_event`](super::StreamPolicy::longest_event) |
/// | `Open` | perhaps still works | nothing is known; the call's deadline was too short, or the stream hangs |
///
/// A stream that the network cut has none of these as its source, but the client's own error. An error that the
/// provider sent as an event is no error here: it is answered with the status that the unary call would have had.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::error::Error as _;
/// use longhaul_providers::stream::{Api, StreamError, StreamPolicy, StreamUpgradeLayer};
/// use longhaul_sim::Provider;
/// use tower::{Layer, ServiceExt};
///
/// let policy = StreamPolicy::default().at("relay.test", Api::Images, 0);
/// let provider = Provider::builder().script("stream-ends".parse()?).build()?;
/// let client = StreamUpgradeLayer::new(policy)?.layer(provider);
/// let request = http::Request::post("http://relay.test/v1/images/generations")
///     .body(http_body_util::Full::from(r#"{ "prompt": "a cat" }"#))?;
/// let error = client.oneshot(request).await.unwrap_err();
/// let stream = error.source().and_then(|source| source.downcast_ref());
/// assert!(matches!(stream, Some(StreamError::Ended { .. })));
/// assert!(error.source().unwrap().to_string().contains("claim the picture"));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// It ended in good order, without its final event.
    ///
    /// The books say `Undelivered`: the model worked, and the picture did not come.
    Ended {
        /// How many events had come.
        events: u32,
    },
    /// An event is longer than may be held.
    ///
    /// The rest of the stream is not read; its connection is closed.
    TooLong {
        /// The most that is held, in bytes.
        limit: usize,
    },
    /// Nobody waits any longer for the final event.
    ///
    /// The error's kind is `Timeout`, of the clock of the whole operation.
    Open {
        /// How many events had come.
        events: u32,
        /// How many pings.
        pings: u32,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { events } => write!(
                f,
                "the stream ended after {events} events, before its final one: the model worked, claim the picture"
            ),
            Self::TooLong { limit } => write!(
                f,
                "an event of the stream is longer than {limit} bytes: raise `longest_event`"
            ),
            Self::Open { events, pings } => write!(
                f,
                "the stream had not ended after {events} events and {pings} pings: the model may still work"
            ),
        }
    }
}

impl std::error::Error for StreamError {}
