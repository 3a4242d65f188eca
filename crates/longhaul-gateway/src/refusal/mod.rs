//! The gateway's own answers: refusals and failures, in the words of the caller's API.
//!
//! A [`Refusal`] says what happened, which status that is, whether sending again is free, and what it may have cost. It
//! becomes a response with [`Refusal::into_response`], in OpenAI's or Google's form, with a content type, and with
//! `x-should-retry`, which OpenAI's SDKs obey: what may have been charged must not be sent again behind a person's back.
//!
//! ```
//! use longhaul_gateway::{dialect::Dialect, refusal::Refusal};
//!
//! fn answer(error: &longhaul::Error, path: &str) -> http::Response<http_body_util::Full<bytes::Bytes>> {
//!     Refusal::of_error(error, Dialect::of_path(path)).into_response(Dialect::of_path(path))
//! }
//! ```
//!
//! Headers of an answer:
//!
//! | header | |
//! |---|---|
//! | `x-should-retry` | `false` unless sending again is free and may help |
//! | `allow` | the methods of this path, with 405 |
//! | `retry-after` | whole seconds, where a wait is known |
//! | `x-longhaul-class` | what the ending means: [`Class::name`](longhaul::Class::name) |
//! | `x-longhaul-attempts` | how many attempts were made |
//! | `x-longhaul-cost` | the most that all of them together may have cost |

mod body;
mod of_error;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt, time::Duration};

pub(crate) use self::of_error::code;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::{
    core::{Class, Money},
    dialect::Dialect,
};

/// Whether an SDK may send a request again by itself.
///
/// OpenAI's SDKs obey it. `false` on everything that may have been charged, and on failures that a second request
/// would meet as well.
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// What the ending of an operation means.
///
/// The name as ledger and metrics have it: `Delivered`, `Overloaded`, `UnknownOutcome`.
pub const CLASS: HeaderName = HeaderName::from_static("x-longhaul-class");
/// How many attempts were made.
///
/// A whole number. It is missing where a call was refused before its layers were asked.
pub const ATTEMPTS: HeaderName = HeaderName::from_static("x-longhaul-attempts");
/// The most that all attempts together may have cost.
///
/// An amount with its currency: `0.48 USD`. It is missing where a price is not known.
pub const COST: HeaderName = HeaderName::from_static("x-longhaul-cost");
/// The public name of the operation.
///
/// `op_` and 32 digits, on answers that replay has made operations of: what to ask for at `/v1/longhaul/operations/`,
/// and to name when asking a person.
pub const OPERATION: HeaderName = HeaderName::from_static("x-longhaul-operation");

/// An answer that the gateway gives in the provider's place.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use longhaul_gateway::refusal::Refusal;
///
/// let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the gateway is stopping; nothing was sent")
///     .again_after(Duration::from_secs(5));
/// assert_eq!((refusal.status().as_u16(), refusal.code()), (503, "stopping"));
/// ```
///
/// It is a plain value: nothing is sent or logged by making one. The whole of it, as OpenAI's SDKs read it:
///
/// ```
/// use http::{StatusCode, header::RETRY_AFTER};
/// use http_body_util::BodyExt;
/// use longhaul::Class;
/// use longhaul_gateway::{dialect::Dialect, refusal::{CLASS, Refusal, SHOULD_RETRY}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the model is overloaded; nothing was charged")
///     .of_class(Class::Overloaded)
///     .again_after(std::time::Duration::from_millis(1_500));
/// let answer = refusal.into_response(Dialect::OpenAi);
/// assert_eq!(answer.headers()[SHOULD_RETRY], "true");
/// assert_eq!(answer.headers()[RETRY_AFTER], "2", "rounded up: an early retry meets the same refusal");
/// assert_eq!(answer.headers()[CLASS], "Overloaded");
/// let body: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
/// assert_eq!((&body["error"]["code"], &body["error"]["type"]), (&"overloaded".into(), &"server_error".into()));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Debug)]
#[must_use]
pub struct Refusal(Box<Facts>);

#[derive(Clone, PartialEq, Debug)]
struct Facts {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
    again: bool,
    retry_after: Option<Duration>,
    class: Option<Class>,
    attempts: Option<usize>,
    cost: Option<Money>,
    advice: Option<Cow<'static, str>>,
    allowed: Option<&'static str>,
}

impl Refusal {
    /// An answer with this status. `code` is for programs, such as `spending_cap`; `message` for people, and says what
    /// to do. By default it must not be sent again.
    ///
    /// A code is in small letters with `_`; as Google's `reason` it is written in capitals. The message must have no
    /// key and no prompt in it: it is logged and shown.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Facts {
            status,
            code: code.into(),
            message: message.into(),
            again: false,
            retry_after: None,
            class: None,
            attempts: None,
            cost: None,
            advice: None,
            allowed: None,
        }))
    }

    /// Sending again is free, and may help after this wait.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::StatusCode;
    /// use longhaul_gateway::refusal::Refusal;
    ///
    /// let refusal = || Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too_many_waiting", "ask again later");
    /// assert!(refusal().again_after(Duration::from_secs(5)).may_send_again());
    /// assert!(!refusal().not_before(Duration::from_secs(5)).may_send_again(), "by itself");
    /// ```
    pub fn again_after(mut self, wait: Duration) -> Self {
        self.0.again = true;
        self.0.retry_after = Some(wait);
        self
    }

    /// Sent again before this wait is over, it would be refused again. An SDK must not send it by itself even
    /// afterwards.
    pub fn not_before(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// What the ending means.
    pub fn of_class(mut self, class: Class) -> Self {
        self.0.class = Some(class);
        self
    }

    /// How many attempts were made, and the most that they may have cost together.
    ///
    /// They go into headers, so that whoever pays sees what a failure has cost.
    pub fn with_attempts(mut self, attempts: usize, cost: Option<Money>) -> Self {
        self.0.attempts = Some(attempts);
        self.0.cost = cost;
        self
    }

    /// What to do, apart from the message, for programs that show both.
    pub(crate) fn with_advice(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// 405: a path has these methods alone, which is none where it is empty.
    pub(crate) fn only(methods: &'static str, code: &'static str, message: &str) -> Self {
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, code, message);
        refusal.0.allowed = Some(methods);
        refusal
    }

    /// The status of the answer.
    ///
    /// Google's dialect does not change it here: that is decided in [`of_error`](Self::of_error).
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Its code, for programs.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// What it says to people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether an SDK may send again by itself.
    pub fn may_send_again(&self) -> bool {
        self.0.again
    }

    /// The answer in the form of `dialect`.
    ///
    /// JSON, never stored on the way, with the headers that the [module](self) lists. A 503 from here and one of the
    /// provider look alike to an SDK, which is the aim: its own error classes fit.
    pub fn into_response(self, dialect: Dialect) -> Response<Full<Bytes>> {
        let body = self.body_bytes(dialect);
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.write_headers(headers);
        response
    }

    pub(crate) fn body_bytes(&self, dialect: Dialect) -> Vec<u8> {
        body::write(self, dialect)
    }

    /// The body alone, with the status in it: for answers whose head has already gone out with 200.
    ///
    /// ```
    /// use http::StatusCode;
    /// use longhaul_gateway::{dialect::Dialect, refusal::Refusal};
    ///
    /// let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "unknown_outcome", "the connection was cut after 60 s");
    /// let body: serde_json::Value = serde_json::from_slice(&refusal.to_envelope(Dialect::OpenAi))?;
    /// assert_eq!(body["error"]["status"], 502, "behind a head that says 200");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn to_envelope(&self, dialect: Dialect) -> Vec<u8> {
        body::write_envelope(self, dialect)
    }

    fn write_headers(&self, headers: &mut HeaderMap) {
        headers.insert(SHOULD_RETRY, should_retry(self.0.again));
        if let Some(wait) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, whole_seconds(wait).into());
        }
        if let Some(class) = self.0.class {
            headers.insert(CLASS, HeaderValue::from_static(class.name()));
        }
        if let Some(methods) = self.0.allowed {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if let Some(attempts) = self.0.attempts {
            headers.insert(ATTEMPTS, attempts.into());
        }
        if let Some(cost) = self
            .0
            .cost
            .and_then(|cost| cost.to_string().try_into().ok())
        {
            headers.insert(COST, cost);
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {}",
            self.0.status.as_u16(),
            self.0.code,
            self.0.message
        )
    }
}

impl std::error::Error for Refusal {}

/// The value of [`SHOULD_RETRY`].
pub(crate) const fn should_retry(again: bool) -> HeaderValue {
    HeaderValue::from_static(if again { "true" } else { "false" })
}

/// Rounded up, since an early retry meets the same refusal.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
