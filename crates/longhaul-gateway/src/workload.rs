//! What a request asks for, before its upstream is chosen.

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use http::{Request, request::Parts};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};

use crate::core::{DetectPolicy, DetectWorkloadLayer, Workload};

/// Reads the workload of a request with the layers' own detector, and puts it into the head's extensions. A header
/// `x-longhaul-size` wins over what the body says, and is removed.
pub(crate) async fn detect(head: &mut Parts, body: &Bytes) -> Workload {
    let mut policy = DetectPolicy::default();
    policy.header = Some(http::HeaderName::from_static("x-longhaul-size"));
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX).max(1);
    policy.replay_limit = policy.replay_limit.max(length);
    policy.client_replay_limit = policy.client_replay_limit.max(length);
    let workload = match DetectWorkloadLayer::new(policy) {
        Err(_) => Workload::default(),
        Ok(layer) => {
            let read = service_fn(|request: Request<_>| {
                let _: &longhaul::body::ReplayBody<Full<Bytes>> = request.body();
                let found = request.extensions().get::<Workload>().cloned();
                ready(Ok::<_, Infallible>(found))
            });
            let request = Request::from_parts(head.clone(), Full::from(body.clone()));
            let found = layer.layer(read).oneshot(request).await;
            found.ok().flatten().unwrap_or_default()
        }
    };
    head.headers.remove("x-longhaul-size");
    head.extensions.insert(workload.clone());
    workload
}

#[cfg(test)]
mod tests {
    use longhaul::Resolution;

    use super::*;

    #[tokio::test]
    async fn size_and_model_are_read_and_the_callers_header_wins() {
        let body = Bytes::from_static(br#"{"model": "nano-banana-pro", "size": "4096x4096"}"#);
        let request = |size: Option<&str>| {
            let mut request =
                Request::post("/v1/images/generations").header("content-type", "application/json");
            if let Some(size) = size {
                request = request.header("x-longhaul-size", size);
            }
            request.body(()).unwrap().into_parts().0
        };
        let workload = detect(&mut request(None), &body).await;
        assert_eq!(workload.resolution, Resolution::K4);
        assert_eq!(workload.model.as_deref(), Some("nano-banana-pro"));
        let mut head = request(Some("2K"));
        assert_eq!(detect(&mut head, &body).await.resolution, Resolution::K2);
        assert!(!head.headers.contains_key("x-longhaul-size"));
        assert!(head.extensions.get::<Workload>().is_some());
    }
}
