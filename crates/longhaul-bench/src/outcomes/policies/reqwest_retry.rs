//! The rules of reqwest-retry 0.9.1, which retries every method.
//!
//! Its waits are read off the system's clock, so that it cannot run on paused time. Transcribed from
//! `src/retryable_strategy.rs` lines 113–196 (`DefaultRetryableStrategy`) and `src/middleware.rs` lines 140–203 (the loop),
//! with the policy of its own example, `ExponentialBackoff::builder().build_with_max_retries(3)`: `retry-policies` 0.5.2,
//! `src/policies/exponential_backoff.rs` (bounds of 1 s and 30 min, base 2) and `src/retry_policy.rs` lines 48–53 (full
//! jitter). It goes around `reqwest::Client::new()`, which has no time limit, and judges the head alone.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use longhaul_sim::{SimError, SimErrorKind};
use tokio::time::sleep;
use tower::{ServiceExt, service_fn};

use super::{Client, collected};
use crate::outcomes::world::{Answer, World};

const MAX_N_RETRIES: u32 = 3;
const MIN_RETRY_INTERVAL: Duration = Duration::from_secs(1);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// A client with the middleware.
pub(super) fn client(world: World) -> Client {
    collected(service_fn(move |request| {
        execute_with_retry(world.clone(), request)
    }))
}

async fn execute_with_retry(
    world: World,
    request: Request<Full<Bytes>>,
) -> Result<Response<Answer>, SimError> {
    let mut n_past_retries = 0;
    loop {
        let result = world.clone().oneshot(request.clone()).await;
        let transient = match &result {
            Ok(success) => on_request_success(success.status()),
            Err(error) => on_request_failure(error.kind()),
        };
        if !transient || n_past_retries >= MAX_N_RETRIES {
            return result;
        }
        let interval = MIN_RETRY_INTERVAL * 2_u32.pow(n_past_retries);
        let wait = interval.min(MAX_RETRY_INTERVAL).mul_f64(fastrand::f64());
        sleep(wait).await;
        n_past_retries += 1;
    }
}

fn on_request_success(status: StatusCode) -> bool {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || passing.contains(&status)
}

/// `is_connect()`, hyper's `IncompleteMessage`, and `ConnectionReset` are transient; errors of HTTP/2 are not met here.
fn on_request_failure(kind: SimErrorKind) -> bool {
    matches!(
        kind,
        SimErrorKind::Refused | SimErrorKind::Cut | SimErrorKind::Reset
    )
}
