//! The rules of openai-python, which retries every call, POST among them.
//!
//! Transcribed from `src/openai/_base_client.py` and `src/openai/_constants.py` of commit 000f030: the loop of
//! `SyncAPIClient.request`, `_should_retry`, `_calculate_retry_timeout` and `_parse_retry_after_header` (whose dates are
//! left out: no scenario sends one). The idempotency key that it sends has no effect at this provider.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};

use super::{
    Client,
    exchange::{Failure, Limits, exchange},
};
use crate::outcomes::world::World;

/// `DEFAULT_TIMEOUT = httpx.Timeout(timeout=600, connect=5.0)`, which is for the wait for a place too
const LIMITS: Limits = Limits {
    pool: Some(Duration::from_secs(600)),
    read: Duration::from_secs(600),
};
/// `DEFAULT_MAX_RETRIES`
const MAX_RETRIES: i32 = 2;
/// `INITIAL_RETRY_DELAY`
const INITIAL_RETRY_DELAY: f64 = 0.5;
/// `MAX_RETRY_DELAY`
const MAX_RETRY_DELAY: f64 = 8.0;
/// `MAX_RETRY_AFTER_DELAY`
const MAX_RETRY_AFTER_DELAY: f64 = 120.0;

/// `client.images.generate(…)` with the SDK's defaults.
pub(super) fn client(world: World) -> Client {
    let client = service_fn(move |input| request(world.clone(), input));
    Client::new(client.map_err(Into::into))
}

async fn request(world: World, input: Request<Full<Bytes>>) -> Result<Response<Bytes>, Failure> {
    let mut retries_taken = 0;
    loop {
        // Not streamed: the body is read within the call, and a body that breaks off raises like a broken connection.
        let outcome = exchange(&world, input.clone(), LIMITS).await;
        let wait = match &outcome {
            Err(_) => calculate_retry_timeout(retries_taken, None),
            Ok(answer) if is_error(answer.status()) => {
                let told = parse_retry_after_header(answer.headers());
                if !should_retry(answer.status(), answer.headers(), told) {
                    return outcome;
                }
                calculate_retry_timeout(retries_taken, told)
            }
            Ok(_) => return outcome,
        };
        if retries_taken == MAX_RETRIES {
            return outcome;
        }
        sleep(wait).await;
        retries_taken += 1;
    }
}

/// What `raise_for_status` raises for
fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn should_retry(status: StatusCode, headers: &HeaderMap, told: Option<f64>) -> bool {
    if told.is_some_and(|told| told > MAX_RETRY_AFTER_DELAY) {
        return false;
    }
    match headers.get("x-should-retry").map(|value| value.as_bytes()) {
        Some(b"true") => return true,
        Some(b"false") => return false,
        _ => {}
    }
    matches!(status.as_u16(), 408 | 409 | 429 | 500..)
}

fn calculate_retry_timeout(retries_taken: i32, told: Option<f64>) -> Duration {
    if let Some(told) = told.filter(|told| 0.0 < *told && *told <= MAX_RETRY_AFTER_DELAY) {
        return Duration::from_secs_f64(told);
    }
    let sleep_seconds = (INITIAL_RETRY_DELAY * 2_f64.powi(retries_taken)).min(MAX_RETRY_DELAY);
    let jitter = 1.0 - 0.25 * fastrand::f64();
    Duration::from_secs_f64(sleep_seconds * jitter)
}

fn parse_retry_after_header(headers: &HeaderMap) -> Option<f64> {
    [("retry-after-ms", 1000.0), ("retry-after", 1.0)]
        .into_iter()
        .find_map(|(name, divisor)| {
            let told: f64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
            told.is_finite().then_some(told / divisor)
        })
}
