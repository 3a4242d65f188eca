//! tower-resilience's retry over its time limiter, with its defaults but for the durations.
//!
//! It has no notion of a picture's size, of a ledger or of a key, so it is a lower bound of what its users would have
//! to add to.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use longhaul::BoxError;
use tower::ServiceBuilder;
use tower_resilience_retry::RetryLayer;
use tower_resilience_timelimiter::{TimeLimiterError, TimeLimiterLayer};

use super::{Call, Contender, Mock, names};

pub(super) fn contender(mock: &Mock) -> Contender {
    let retry = RetryLayer::<Call, Response<Full<Bytes>>, TimeLimiterError<BoxError>>::builder()
        .max_attempts(3)
        .fixed_backoff(Duration::from_secs(5))
        .retry_on_response(|answer: &Response<Full<Bytes>>| answer.status().is_server_error())
        .build();
    let limit = TimeLimiterLayer::builder()
        .timeout_duration(Duration::from_secs(300))
        .build();
    let service = ServiceBuilder::new()
        .layer(retry)
        .layer(limit)
        .service(mock.clone());
    Contender::new(
        names::RESILIENCE,
        "tower-resilience: retry over time limiter",
        service,
    )
}
