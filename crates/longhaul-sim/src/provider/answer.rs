//! Answers: heads, bodies and what the faults make of them.
//!
//! Refusals, pages of gateways and headers that tell a wait are made here, so that each fault has one place that says
//! what it looks like. Their texts are copied from real answers: a client that reads them must be tried against those.

use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};
use http_body::Body as _;

use crate::{
    Body, Fault, WaitForm,
    body::Pace,
    clock::Clock,
    dialect::{Dialect, Refusal},
};

/// A response with this body, and its length where the body tells it.
///
/// A body without a known length gets none told; HTTP/1.1 then sends it in chunks.
pub(super) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let length = body.size_hint().exact();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    response
}

/// What a fault makes of a whole body.
///
/// Faults of the transport before an answer never come this far.
pub(super) fn shaped(body: Body, fault: Fault, clock: &Clock) -> Body {
    match fault {
        Fault::Truncated => body.truncated(),
        Fault::TruncatedClose => body.ended_early(),
        Fault::Stalled => body.stalled(),
        Fault::Unended => body.unended(),
        Fault::HeldOpen => body.held_open(),
        Fault::Trickle { bytes_per_second } => {
            // Ten pieces a second, or single bytes where even that is too much.
            let slice = (bytes_per_second / 10).max(1);
            let pause = Duration::from_secs_f64(slice as f64 / bytes_per_second.max(1) as f64);
            body.paced(Pace {
                slice: slice as usize,
                pause: clock.real(pause),
            })
        }
        _ => body,
    }
}

/// HTTP/1.0 is the only version in which the closed connection may be the end of the body.
pub(super) fn version(response: &mut Response<Body>, fault: Fault, request: Version) {
    if fault == Fault::TruncatedClose && request < Version::HTTP_2 {
        *response.version_mut() = Version::HTTP_10;
    }
}

/// The refusal that a fault stands for, if it is answered without any work.
///
/// `None` for a fault under which work is done, and for those that strike before the body is read.
pub(super) fn refusal(fault: Fault, clock: &Clock) -> Option<Refusal> {
    Some(match fault {
        Fault::Overloaded
        | Fault::OverloadedFor { .. }
        | Fault::OverloadedAfter { .. }
        | Fault::Early => Refusal::Overloaded,
        Fault::Unavailable => Refusal::Unavailable,
        Fault::RateLimited { wait, form } => {
            Refusal::RateLimited((form == WaitForm::Body).then(|| clock.real(wait)))
        }
        Fault::Quota => Refusal::Quota,
        Fault::Unauthorized => Refusal::Unauthorized,
        Fault::BadRequest => Refusal::BadRequest("The request is invalid.".to_owned()),
        Fault::ServerError => Refusal::ServerError,
        _ => return None,
    })
}

/// A refusal in the words of a dialect.
pub(super) fn refuse(dialect: Dialect, refusal: &Refusal) -> (StatusCode, Body) {
    let (status, text) = dialect.refuse(refusal);
    (status, Body::whole(vec![text.to_string().into()]))
}

/// The header that tells the wait of a rate limit or an overload.
///
/// The wait is scaled as all spans are, so a client at speed 100 is told a hundredth. `Retry-After` in seconds is
/// rounded up, which makes it a second at least.
pub(super) fn wait_header(fault: Fault, clock: &Clock) -> Option<(HeaderName, HeaderValue)> {
    let (wait, form) = match fault {
        Fault::RateLimited { wait, form } => (wait, form),
        Fault::OverloadedFor { wait } => (wait, WaitForm::Seconds),
        _ => return None,
    };
    let wait = clock.real(wait);
    let millis = || u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).into();
    Some(match form {
        WaitForm::Seconds => (
            header::RETRY_AFTER,
            (wait.as_secs_f64().ceil() as u64).into(),
        ),
        WaitForm::Millis => (HeaderName::from_static("retry-after-ms"), millis()),
        WaitForm::AzureMillis => (HeaderName::from_static("x-ms-retry-after-ms"), millis()),
        WaitForm::Date => (header::RETRY_AFTER, date_after(wait)?),
        WaitForm::Body | WaitForm::Mute => return None,
    })
}

/// What answers tell of the time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "a date is wall-clock time by nature"
)]
pub(super) fn time_of_day() -> SystemTime {
    SystemTime::now()
}

/// Dates have whole seconds: the next one, so that it is never too early.
fn date_after(wait: Duration) -> Option<HeaderValue> {
    // Within the years that a date can be written in.
    let wait = wait.min(Duration::from_secs(10 * 365 * 86_400));
    let date = time_of_day()
        .checked_add(wait)?
        .checked_add(Duration::from_millis(999))?;
    HeaderValue::try_from(httpdate::fmt_http_date(date)).ok()
}

/// What a gateway that gave up says.
///
/// The client cannot tell from them whether the work goes on; it does.
pub(super) fn gateway_page(fault: Fault) -> Response<Body> {
    const HTML: &str = "text/html";
    let (status, content_type, page) = match fault {
        Fault::Envoy503 { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "text/plain",
            "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
        ),
        Fault::Cloudflare524 { .. } => (
            // 524 is within the range of any status code.
            StatusCode::from_u16(524).unwrap_or(StatusCode::GATEWAY_TIMEOUT),
            HTML,
            "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>524: A timeout occurred</title></head>\n<body>\n\
             <h1>A timeout occurred <span>Error code 524</span></h1>\n<p>cloudflare</p>\n</body>\n</html>\n",
        ),
        _ => (
            StatusCode::GATEWAY_TIMEOUT,
            HTML,
            "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body>\r\n\
             <center><h1>504 Gateway Time-out</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        ),
    };
    response(status, content_type, Body::whole(vec![page.into()]))
}
