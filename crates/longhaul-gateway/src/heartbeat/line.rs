//! What is known of one caller, and what its line is due. The decision is one function, `due`, from two questions to
//! `Progress`: may money be out, and is anything being tried?

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

use super::{HeartbeatPolicy, Silent};
use crate::{
    config::Patience,
    dialect::Dialect,
    progress::Progress,
    refusal::{OPERATION, Refusal, code},
};

/// A request extension: whether the caller asked for an event stream. Without it, `Accept` and the path tell.
///
/// A comment is a sign of life in an event stream and breaks JSON, and a blank is one in front of JSON and nothing in a stream: so
/// the form has to be known before the answer is.
///
/// The gateway reads `"stream": true` in the body and puts it there; a server of one's own does the same:
///
/// ```
/// use longhaul_gateway::heartbeat::WantsStream;
///
/// let body = r#"{"model": "gpt-5.1", "input": "a cat", "stream": true}"#;
/// let request = http::Request::post("/v1/responses").extension(WantsStream(true)).body(body);
/// # let _ = request;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WantsStream(pub bool);

/// One caller's line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) policy: HeartbeatPolicy,
    pub(super) progress: Progress,
    pub(super) dialect: Dialect,
    pub(super) stream: bool,
    /// Refusals are waited out, in silence.
    patient: bool,
    /// Whether it is left alone.
    pub(super) silent: bool,
}

/// What a caller gets whose line has been silent for long enough.
pub(super) enum Due {
    /// Signs of life.
    Beat,
    /// The last refusal, and the end of the call.
    Refuse(Refusal),
    /// Nothing for so long.
    Wait(Duration),
}

/// How soon it is looked again whether a request is out.
///
/// Whether a request is out is seen by looking: nothing wakes the line for it. A second late is nothing for a load
/// balancer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Line {
    /// Before the call: it puts the `Progress` into the request.
    pub(super) fn of<B>(policy: HeartbeatPolicy, request: &mut Request<B>) -> Self {
        let wants = request.extensions().get::<WantsStream>();
        let stream = wants.map_or_else(|| asks_for_stream(request), |wants| wants.0);
        let patience = request.extensions().get::<Patience>();
        Self {
            policy,
            stream,
            patient: patience == Some(&Patience::Deadline),
            silent: request.extensions().get::<Silent>().is_some(),
            dialect: Dialect::of_path(request.uri().path()),
            progress: Progress::enter(request.extensions_mut()),
        }
    }

    /// | | |
    /// |---|---|
    /// | something that may be charged was sent | signs of life |
    /// | a request is on its way out, or the caller is patient | silence for another second |
    /// | all so far was free, or nothing was begun | the last refusal, and the end |
    pub(super) fn due(&self) -> Due {
        if self.progress.may_have_paid() {
            return Due::Beat;
        }
        if self.progress.is_trying() || self.patient {
            return Due::Wait(LOOK_AGAIN.min(self.policy.every));
        }
        Due::Refuse(self.refusal())
    }

    /// The last ending that cost nothing, or that the call still waits for its turn.
    fn refusal(&self) -> Refusal {
        let Some(last) = self.progress.refusal() else {
            return Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no_place",
                "the call still waits for its turn; nothing was sent, and nothing was charged",
            )
            .again_after(self.policy.every);
        };
        let refused = last.status.filter(|status| !status.is_success());
        Refusal::new(
            refused.unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            code(last.class),
            format!(
                "the provider has refused every attempt so far, the last as {}; nothing was charged: {}",
                last.class,
                last.class.advice()
            ),
        )
        .of_class(last.class)
        .with_attempts(self.progress.attempts().len(), None)
        .again_after(last.wait)
    }

    /// The head of an answer that is still to come.
    pub(super) fn head<B>(&self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let kind = if self.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        self.mark(headers);
        if let Some(name) = self.progress.name().and_then(|name| name.try_into().ok()) {
            headers.insert(OPERATION, name);
        }
        response
    }

    /// Nobody on the way must hold back or compress what comes in drops.
    ///
    /// nginx buffers without `X-Accel-Buffering`, others compress without `no-transform`; either holds signs of life
    /// back.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store, no-transform"),
        );
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }

    pub(super) const fn sign_of_life(&self) -> Bytes {
        Bytes::from_static(if self.stream {
            b": keepalive\n\n"
        } else {
            b" "
        })
    }
}

/// `Accept`, or Gemini's `alt=sse`: what can be seen without the body. Who takes JSON as well has not asked for a stream.
fn asks_for_stream<B>(request: &Request<B>) -> bool {
    let accept = request.headers().get(header::ACCEPT);
    let by_header = accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| {
            accept.contains("text/event-stream")
                && !accept.contains("application/json")
                && !accept.contains("*/*")
        });
    let query = request.uri().query().unwrap_or_default();
    by_header || query.split('&').any(|parameter| parameter == "alt=sse")
}
