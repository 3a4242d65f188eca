//! A picture that came as a link: fetched with limits of its own, retried freely, since it costs nothing.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Full};
use longhaul::{
    PerResolution,
    retry::{Backoff, ClassifyingRetryLayer, RetryPolicy},
    timeout::{SizeAwareTimeoutLayer, TimeoutPolicy},
};
use longhaul_hyper::Builder;
use tower::{Layer, ServiceExt};

/// Fetches `link`. The API key goes with it only to where it went before.
pub(crate) async fn fetch(
    client: Builder,
    link: &str,
    asked: &Uri,
    keys: &HeaderMap,
) -> Result<Bytes, String> {
    let failed = |error: String| format!("the link {link} could not be fetched: {error}");
    let uri: Uri = link.parse().map_err(|error| failed(format!("{error}")))?;
    let same_origin = (uri.scheme(), uri.authority()) == (asked.scheme(), asked.authority());
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() = uri;
    if same_origin {
        for name in ["authorization", "x-goog-api-key"] {
            if let Some(key) = keys.get(name) {
                request.headers_mut().insert(name, key.clone());
            }
        }
    }

    let mut policy = RetryPolicy::default();
    policy.paid_attempts = 5;
    policy.schedule.after_timeout = Backoff::Exponential(Duration::from_secs(1));
    policy.schedule.after_error = Backoff::Exponential(Duration::from_secs(1));
    policy.schedule.overload = Duration::from_secs(2);
    let mut limits = TimeoutPolicy::default();
    limits.picture = PerResolution::from_secs(30, 30, 30, 30);

    let client = client.build().map_err(|error| failed(error.to_string()))?;
    let client = SizeAwareTimeoutLayer::new(limits)
        .map_err(|error| failed(error.to_string()))?
        .layer(client);
    let client = ClassifyingRetryLayer::new(policy)
        .map_err(|error| failed(error.to_string()))?
        .layer(client);
    let response = client
        .oneshot(request)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let status = response.status();
    let body = response.into_body().collect().await;
    match body {
        Ok(body) if status.is_success() => Ok(body.to_bytes()),
        Ok(_) => Err(failed(format!("status {status}"))),
        Err(error) => Err(failed(error.to_string())),
    }
}
