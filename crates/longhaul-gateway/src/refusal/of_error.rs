//! What an error of the layers is to a caller.
//!
//! A status is what SDKs decide by, before they read a word. OpenAI's look for `x-should-retry` first, and every
//! answer from here has it; without it they would send 409 and all of 5xx again. Google's SDK knows no such header,
//! and there the status alone decides. 502 and 504 say whether the way or the waiting was at fault.
//!
//! Test: `each_kind_of_error_has_the_status_that_sdks_treat_rightly`.

use http::StatusCode;

use super::Refusal;
use crate::{
    core::{Class, Clock, Error, ErrorKind, RetryReport},
    dialect::Dialect,
};

impl Refusal {
    /// The answer for `error`: the status by what happened, the whole diagnosis as the message.
    ///
    /// What may have been charged is never marked as free to send again. Google's SDK does not know `x-should-retry`
    /// and sends 502, 503 and 504 again where its user asked for retries; in its dialect a failure that may have been
    /// charged is 409 therefore.
    ///
    /// ```
    /// use longhaul::{Error, ErrorKind};
    /// use longhaul_gateway::{dialect::Dialect, refusal::Refusal};
    ///
    /// let cut = Error::new(ErrorKind::Disconnected);
    /// assert_eq!(Refusal::of_error(&cut, Dialect::OpenAi).status(), 502);
    /// assert_eq!(Refusal::of_error(&cut, Dialect::Google).status(), 409, "which Google's SDK does not send again");
    /// ```
    pub fn of_error(error: &Error, dialect: Dialect) -> Self {
        let class = error.class();
        let (status, code) = status(error, class);
        // The last attempt may be free after another that was not.
        let earlier = error.report().into_iter().flat_map(RetryReport::classes);
        let may_have_paid = earlier
            .flatten()
            .chain([class])
            .any(Class::is_possibly_charged);
        let status = match dialect {
            Dialect::Google if may_have_paid => StatusCode::CONFLICT,
            _ => status,
        };
        let mut refusal = Self::new(status, code, error.to_string())
            .of_class(class)
            .with_advice(error.advice());
        if let Some(report) = error.report() {
            let attempts = report.attempts().len();
            refusal = refusal.with_attempts(attempts, report.possible_cost());
            // What was not begun for want of time or of a way is not a matter of waiting.
            let waits = !matches!(error.kind(), ErrorKind::NotBegun { .. });
            if let Some(at) = report.retry_at().filter(|_| waits) {
                let wait = at.saturating_duration_since(tokio::time::Instant::now());
                refusal = refusal.not_before(wait);
            }
        }
        refusal
    }
}

/// Status and code. Kinds that name a mistake of configuration or of money have a code of their own; all others have
/// that of their class.
fn status(error: &Error, class: Class) -> (StatusCode, &'static str) {
    match error.kind() {
        ErrorKind::SpendingCap { price: None, .. } => {
            (StatusCode::PAYMENT_REQUIRED, "price_unknown")
        }
        ErrorKind::SpendingCap { .. } => (StatusCode::PAYMENT_REQUIRED, "spending_cap"),
        ErrorKind::QueueTimeout { .. } => (StatusCode::SERVICE_UNAVAILABLE, "no_place"),
        ErrorKind::Ledger => (StatusCode::SERVICE_UNAVAILABLE, "ledger_unavailable"),
        ErrorKind::RequestBody => (StatusCode::BAD_REQUEST, "request_body"),
        ErrorKind::NotBegun { .. } => (StatusCode::SERVICE_UNAVAILABLE, "not_begun"),
        ErrorKind::Duplicate { .. } => (StatusCode::BAD_GATEWAY, "duplicate_not_allowed"),
        ErrorKind::Proxy { .. } => (StatusCode::BAD_GATEWAY, "outbound_proxy"),
        ErrorKind::MalformedResponse { .. } => (StatusCode::BAD_GATEWAY, "malformed_response"),
        // It runs on at the provider, and nobody here waits for it any more.
        _ if class == Class::Accepted => (StatusCode::GATEWAY_TIMEOUT, code(class)),
        ErrorKind::Insecure(_) => (StatusCode::INTERNAL_SERVER_ERROR, "insecure_upstream"),
        ErrorKind::Timeout {
            clock: Clock::Connect | Clock::Start | Clock::WriteProgress,
            ..
        } => (StatusCode::BAD_GATEWAY, code(class)),
        ErrorKind::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, code(class)),
        _ => (StatusCode::BAD_GATEWAY, code(class)),
    }
}

/// The class as programs read it.
///
/// Stable: programs compare it. A class of a later version is `other` until it has a row here.
pub(crate) const fn code(class: Class) -> &'static str {
    match class {
        Class::NeverSent => "never_sent",
        Class::SentPartial => "sent_partial",
        Class::Refused => "refused",
        Class::RateLimited => "rate_limited",
        Class::QuotaExhausted => "quota_exhausted",
        Class::Overloaded => "overloaded",
        Class::Unavailable => "unavailable",
        Class::InFlight => "in_flight",
        Class::KeyReuse => "key_reuse",
        Class::ClientError => "client_error",
        Class::RequestTimeout => "request_timeout",
        Class::ServerError => "server_error",
        Class::ModelDeadline => "model_deadline",
        Class::IntermediaryCut => "intermediary_cut",
        Class::UnknownOutcome => "unknown_outcome",
        Class::Undelivered => "undelivered",
        Class::NoImage => "no_image",
        Class::ContentBlocked => "content_blocked",
        Class::Delivered => "delivered",
        Class::Redirect => "redirect",
        Class::Accepted => "accepted",
        Class::NotBegun => "not_begun",
        _ => "other",
    }
}
