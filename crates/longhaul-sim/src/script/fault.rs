//! What can go wrong with a call.
//!
//! The list grew out of what was seen in the wild, each entry under the name of its cause and not of its symptom: a
//! client that treats `gateway-timeout` and `overloaded-after` alike pays for one of them twice.

use std::{fmt, time::Duration};

use super::TaskFailure;

/// What the provider, or something between it and the client, does with a request.
///
/// Written and parsed as its name with an optional value: `overloaded`, `cut@60`, `trickle@100000`. All spans are
/// provider time (see [`Builder::speed`](crate::Builder::speed)); in text they are seconds.
///
/// “Work” is the making of the pictures. Once it has started it runs to its end and is charged, whether or not the
/// client is still there. Faults that name no work answer at once and charge nothing.
///
/// ```
/// use std::time::Duration;
/// use longhaul_sim::Fault;
///
/// let fault: Fault = "cut@60".parse()?;
/// assert_eq!(fault, Fault::Cut { after: Duration::from_secs(60) });
/// assert_eq!(fault.strikes_after(), Some(Duration::from_secs(60)), "the work goes on, and is charged");
/// assert_eq!(Fault::Overloaded.strikes_after(), None, "there is no work");
/// # Ok::<(), longhaul_sim::ParseError>(())
/// ```
///
/// What it costs, and what the client learns of it:
///
/// | faults | charged | the client sees |
/// |---|---|---|
/// | `overloaded…`, `unavailable`, `rate-limited…`, `quota`, `early` | no | an answer of the provider's |
/// | `unauthorized`, `bad-request`, `server-error` | no | an answer of the provider's |
/// | `refused`, `reset-reading`, `goaway-unprocessed`, `refused-stream` | no | an error of the connection |
/// | `redirect` | no | 307 |
/// | `gateway-timeout`, `cloudflare-524`, `envoy-503` | yes | an answer, and not the provider's |
/// | `reset`, `cut`, `goaway`, `rst-stream` | yes | an error of the connection |
/// | `silence`, `stalled` | yes | nothing, or nothing more |
/// | `truncated`, `truncated-close` | yes | half an answer |
/// | `unended`, `held-open`, `trickle`, `heartbeat`, `none` | yes | the picture |
/// | `no-image` | yes | an answer without a picture |
///
/// The rest befall tasks and streams ([`OF_EXCHANGES`](Self::OF_EXCHANGES)): all are charged but `task-failed` with a
/// code that is free, and `submit-twice` is charged twice. `blocked` is free in OpenAI's images API, for tasks and for
/// streams, and charged otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Fault {
    /// `none`: the pictures are made and delivered.
    #[default]
    None,
    /// `overloaded`: 503, “The model is overloaded. Please try again later.”
    ///
    /// What a model without free capacity says; it goes away by waiting.
    Overloaded,
    /// `overloaded-for@SECONDS`: the same 503, and a `Retry-After` in whole seconds, rounded up.
    OverloadedFor {
        /// How long the client should wait.
        wait: Duration,
    },
    /// `overloaded-after@SECONDS`: the same 503, but only after the request has stood in the provider's own queue for
    /// that time. Nothing is made or charged.
    OverloadedAfter {
        /// How long the request stands in the queue before it is refused.
        after: Duration,
    },
    /// `unavailable`: 503, “The service is currently unavailable.”
    Unavailable,
    /// `rate-limited@SECONDS` and its kin: 429 that tells how long to wait, in one of the forms that providers use.
    ///
    /// The wait is provider time like all others, so the told number is divided by the speed too.
    RateLimited {
        /// How long the client should wait.
        wait: Duration,
        /// Where the wait is told, and in which unit.
        form: WaitForm,
    },
    /// `quota`: 429 for a quota that no waiting brings back today.
    ///
    /// Unlike a rate limit it does not go away by waiting a minute.
    Quota,
    /// `unauthorized`: 401, “Invalid API key”.
    Unauthorized,
    /// `bad-request`: 400.
    BadRequest,
    /// `server-error`: 500 with the provider's own JSON.
    ServerError,
    /// `gateway-timeout@SECONDS` (default 60): the work starts, but nginx answers 504 in HTML after that time.
    ///
    /// Its status reads like an overload, and the picture is made and paid for. The same holds for the two that follow.
    GatewayTimeout {
        /// The gateway's read timeout.
        after: Duration,
    },
    /// `cloudflare-524@SECONDS` (default 100): the work starts, but Cloudflare answers 524 in HTML after that time.
    Cloudflare524 {
        /// The proxy read timeout.
        after: Duration,
    },
    /// `envoy-503@SECONDS` (default 80): the work starts, but Envoy loses its connection to the provider after that time
    /// and answers 503 in plain text.
    Envoy503 {
        /// How long after the request was read.
        after: Duration,
    },
    /// `refused@SECONDS` (default 3): the connection is refused and nothing is read.
    ///
    /// In process one call fails. On a socket the listener is closed for that time as soon as this is the script's
    /// next action, so that new connections meet a closed port; a fault chosen by header or closure comes too late for
    /// that, and resets the connection unread.
    Refused {
        /// How long a socket server's port stays closed.
        down: Duration,
    },
    /// `early`: 503 before the request body is read, as an overloaded relay does.
    Early,
    /// `reset-reading@BYTES` (default 0): the connection is reset when more than that much of the body has been read.
    ResetReading {
        /// How much is read at least.
        bytes: u64,
    },
    /// `reset@SECONDS` (default 0): the work starts and the connection is reset that long after the request was read.
    Reset {
        /// How long after the request was read.
        after: Duration,
    },
    /// `silence`: the work starts and is done, but no answer ever comes.
    ///
    /// A call that waits for it without a limit waits for ever.
    Silence,
    /// `cut@SECONDS`: a proxy's idle timer closes the connection that long after the request was read. The work
    /// outlasts it.
    ///
    /// The commonest loss: nginx and AWS's load balancer cut after 60 s without bytes by default.
    Cut {
        /// The idle limit of the proxy.
        after: Duration,
    },
    /// `truncated`: 200 with the right content-length, and the connection closed half way through the body.
    Truncated,
    /// `truncated-close`: 200 without a content-length, and the body ended half way as if it were complete.
    ///
    /// HTTP/1 marks such an end by closing the connection, which only an HTTP/1.0 answer may do: it says HTTP/1.0.
    TruncatedClose,
    /// `stalled`: 200, half the body, and then nothing.
    ///
    /// The connection stays open, so only a clock finds out.
    Stalled,
    /// `unended`: 200 without a content-length and the whole document, but the connection breaks instead of the last
    /// chunk. The oracle counts the answer as delivered with the document's last byte.
    Unended,
    /// `held-open`: 200 without a content-length and the whole document, but the end of the body never comes. The
    /// oracle counts the answer as delivered with the document's last byte.
    ///
    /// A client that waits for the end of the transport waits for ever, though it has the picture.
    HeldOpen,
    /// `trickle@BYTES_PER_SECOND`: 200 with a slow body.
    Trickle {
        /// Bytes per second of provider time.
        bytes_per_second: u64,
    },
    /// `no-image`: 200 without an image, after the full work.
    NoImage,
    /// `blocked`: refused by the safety filter: Gemini after the work (200 and `IMAGE_SAFETY`), OpenAI before it (400
    /// and `moderation_blocked`).
    Blocked,
    /// `heartbeat@SECONDS`: 200 at once, whitespace every so many seconds, then the answer.
    ///
    /// As a gateway does that keeps silent lines open. A client must not take the blanks for the picture's beginning.
    Heartbeat {
        /// The time between two beats.
        every: Duration,
    },
    /// `redirect`: 307 to another path that works.
    ///
    /// It leads to `/elsewhere` and the same path, and is free: nothing was begun.
    Redirect,
    /// `goaway@SECONDS` (default 0): the work starts, and the HTTP/2 connection ends with a GOAWAY that covers the
    /// request.
    ///
    /// Like the three below it resets the connection where there is no HTTP/2.
    GoAway {
        /// How long after the request was read.
        after: Duration,
    },
    /// `goaway-unprocessed`: GOAWAY that says the request was not processed, and it was not.
    GoAwayUnprocessed,
    /// `rst-stream@SECONDS` (default 0): the work starts, and the stream ends with RST_STREAM (INTERNAL_ERROR).
    RstStream {
        /// How long after the request was read.
        after: Duration,
    },
    /// `refused-stream`: RST_STREAM (REFUSED_STREAM) before the request body is read.
    RefusedStream,
    /// `submit-twice`: something on the way sends a submit twice. Both tasks are worked on and charged; the answer
    /// names the second.
    ///
    /// Like all that follow up to `task-picture-gone` it befalls a task, and leaves a unary call alone.
    SubmitTwice,
    /// `poll-404@SECONDS` (default 5): for that long after the submit, polls find no such task.
    PollNotFound {
        /// How long it takes until the task is found.
        until: Duration,
    },
    /// `poll-503@SECONDS` (default 60): for that long after the submit, polls are answered with 503.
    PollUnavailable {
        /// How long after the submit polls fail.
        until: Duration,
    },
    /// `task-lost@SECONDS` (default 20): that long after the submit the provider loses the task: polls find none, the
    /// work goes on and is charged.
    TaskLost {
        /// How long after the submit it is lost.
        after: Duration,
    },
    /// `task-failed@CODE`: the task fails with this code.
    TaskFailed {
        /// The code that the task fails with.
        failure: TaskFailure,
    },
    /// `task-odd-state`: while the work runs, polls tell a state that nobody documented.
    ///
    /// The state is `warming_up`. A client has to take it as not ended.
    OddState,
    /// `foreign-poll-url`: the submit's answer names a poll URL at another host, in its body and as `Location`.
    ///
    /// The host is `foreign.test`. A client must not send its key there.
    ForeignPollUrl,
    /// `poll-redirect`: polls are answered with 307 to another host.
    PollRedirect,
    /// `poll-unauthorized`: polls are answered with 401.
    PollUnauthorized,
    /// `task-picture-gone`: the links to the pictures have expired when they are told.
    PictureGone,
    /// `stream-stops`: an event stream falls silent before its final event, and stays open.
    ///
    /// Like the two that follow it befalls a stream, and leaves other calls alone.
    StreamStops,
    /// `stream-only-pings@SECONDS` (default 15): pings at this interval, and never an event again.
    StreamOnlyPings {
        /// The time between two pings.
        every: Duration,
    },
    /// `stream-ends`: the stream ends in good order without its final event.
    StreamEnds,
}

/// How a rate limit tells the wait.
///
/// Providers do not agree on one, and a client that reads only `Retry-After` comes back too early.
///
/// ```
/// use std::time::Duration;
/// use longhaul_sim::{Fault, WaitForm};
///
/// let fault: Fault = "rate-limited-ms@1500".parse()?;
/// assert_eq!(fault, Fault::RateLimited { wait: Duration::from_millis(1_500), form: WaitForm::Millis });
/// # Ok::<(), longhaul_sim::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitForm {
    /// `rate-limited@SECONDS`: `Retry-After` in whole seconds, rounded up.
    Seconds,
    /// `rate-limited-ms@MILLISECONDS`: `retry-after-ms`, as OpenAI does.
    Millis,
    /// `rate-limited-x-ms@MILLISECONDS`: `x-ms-retry-after-ms`, as Azure does.
    AzureMillis,
    /// `rate-limited-date@SECONDS`: `Retry-After` as an HTTP date, rounded up.
    Date,
    /// `rate-limited-body@SECONDS`: `google.rpc.RetryInfo` in the error's details.
    Body,
    /// `rate-limited-mute`: not at all.
    ///
    /// The client has to choose a wait of its own.
    Mute,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |span: &Duration| Some(span.as_secs_f64());
        let (name, value) = match self {
            Self::None => ("none", None),
            Self::Overloaded => ("overloaded", None),
            Self::OverloadedFor { wait } => ("overloaded-for", seconds(wait)),
            Self::OverloadedAfter { after } => ("overloaded-after", seconds(after)),
            Self::Unavailable => ("unavailable", None),
            Self::RateLimited { wait, form } => match form {
                WaitForm::Seconds => ("rate-limited", seconds(wait)),
                WaitForm::Millis => ("rate-limited-ms", Some(wait.as_secs_f64() * 1e3)),
                WaitForm::AzureMillis => ("rate-limited-x-ms", Some(wait.as_secs_f64() * 1e3)),
                WaitForm::Date => ("rate-limited-date", seconds(wait)),
                WaitForm::Body => ("rate-limited-body", seconds(wait)),
                WaitForm::Mute => ("rate-limited-mute", None),
            },
            Self::Quota => ("quota", None),
            Self::Unauthorized => ("unauthorized", None),
            Self::BadRequest => ("bad-request", None),
            Self::ServerError => ("server-error", None),
            Self::GatewayTimeout { after } => ("gateway-timeout", seconds(after)),
            Self::Cloudflare524 { after } => ("cloudflare-524", seconds(after)),
            Self::Envoy503 { after } => ("envoy-503", seconds(after)),
            Self::Refused { down } => ("refused", seconds(down)),
            Self::Early => ("early", None),
            Self::ResetReading { bytes } => ("reset-reading", Some(*bytes as f64)),
            Self::Reset { after } => ("reset", seconds(after)),
            Self::Silence => ("silence", None),
            Self::Cut { after } => ("cut", seconds(after)),
            Self::Truncated => ("truncated", None),
            Self::TruncatedClose => ("truncated-close", None),
            Self::Stalled => ("stalled", None),
            Self::Unended => ("unended", None),
            Self::HeldOpen => ("held-open", None),
            Self::Trickle { bytes_per_second } => ("trickle", Some(*bytes_per_second as f64)),
            Self::NoImage => ("no-image", None),
            Self::Blocked => ("blocked", None),
            Self::Heartbeat { every } => ("heartbeat", seconds(every)),
            Self::Redirect => ("redirect", None),
            Self::GoAway { after } => ("goaway", seconds(after)),
            Self::GoAwayUnprocessed => ("goaway-unprocessed", None),
            Self::RstStream { after } => ("rst-stream", seconds(after)),
            Self::RefusedStream => ("refused-stream", None),
            Self::SubmitTwice => ("submit-twice", None),
            Self::PollNotFound { until } => ("poll-404", seconds(until)),
            Self::PollUnavailable { until } => ("poll-503", seconds(until)),
            Self::TaskLost { after } => ("task-lost", seconds(after)),
            Self::TaskFailed { failure } => return write!(f, "task-failed@{failure}"),
            Self::OddState => ("task-odd-state", None),
            Self::ForeignPollUrl => ("foreign-poll-url", None),
            Self::PollRedirect => ("poll-redirect", None),
            Self::PollUnauthorized => ("poll-unauthorized", None),
            Self::PictureGone => ("task-picture-gone", None),
            Self::StreamStops => ("stream-stops", None),
            Self::StreamOnlyPings { every } => ("stream-only-pings", seconds(every)),
            Self::StreamEnds => ("stream-ends", None),
        };
        match value {
            Some(value) => write!(f, "{name}@{value}"),
            None => f.write_str(name),
        }
    }
}

/// As its text, which parses back.
impl serde::Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Fault {
    /// The names of those that befall only tasks and event streams, and leave unary calls alone.
    ///
    /// A test that goes through all faults with unary calls skips them:
    ///
    /// ```
    /// use longhaul_sim::Fault;
    ///
    /// let unary: Vec<_> = Fault::names().filter(|name| !Fault::OF_EXCHANGES.contains(name)).collect();
    /// assert!(unary.contains(&"cut") && !unary.contains(&"task-lost"));
    /// ```
    pub const OF_EXCHANGES: [&'static str; 13] = [
        "submit-twice",
        "poll-404",
        "poll-503",
        "task-lost",
        "task-failed",
        "task-odd-state",
        "foreign-poll-url",
        "poll-redirect",
        "poll-unauthorized",
        "task-picture-gone",
        "stream-stops",
        "stream-only-pings",
        "stream-ends",
    ];

    /// How long after the request was read it strikes, where it breaks into the work; `None` for all other faults.
    ///
    /// A request whose work would be done sooner is made to take longer. A script that wants it to be spared, as by a
    /// proxy that cuts long calls only, compares this with the generation time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_sim::{Fault, Resolution, Script, Seen};
    ///
    /// // A proxy that cuts what is silent for 60 s, and spares a picture that is done before.
    /// let takes = Resolution::K1.generation_time(0.5);
    /// let cut = Fault::Cut { after: Duration::from_secs(60) };
    /// let spared = cut.strikes_after().is_some_and(|after| takes < after);
    /// let script = Script::from_fn(move |_: &Seen<'_>| if spared { Fault::None } else { cut });
    /// assert!(spared);
    /// ```
    #[must_use]
    pub const fn strikes_after(&self) -> Option<Duration> {
        match *self {
            Self::Cut { after }
            | Self::Reset { after }
            | Self::GoAway { after }
            | Self::RstStream { after }
            | Self::GatewayTimeout { after }
            | Self::Cloudflare524 { after }
            | Self::Envoy503 { after } => Some(after),
            _ => None,
        }
    }

    /// How long the work takes at least, so that the fault strikes first.
    ///
    /// A quarter and a second more than the moment at which the fault strikes; 0 for faults that break into nothing.
    pub(crate) fn outlasted(&self) -> Duration {
        self.strikes_after().map_or(Duration::ZERO, |after| {
            after
                .saturating_add(Duration::from_secs(1))
                .saturating_add(after / 4)
        })
    }
}
