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
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// It ended in good order, without its final event.
    Ended {
        /// How many events had come.
        events: u32,
    },
    /// An event is longer than may be held.
    TooLong {
        /// The most that is held, in bytes.
        limit: usize,
    },
    /// Nobody waits any longer for the final event.
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
