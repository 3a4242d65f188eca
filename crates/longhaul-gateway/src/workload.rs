//! What a request asks for, before its upstream is chosen.
//!
//! Read once, here, and by the same code as the layers: the model chooses the upstream, the size the price that is
//! held, both before any layer has seen the request. Layers below find the `Workload` in the extensions and believe
//! it.

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use http::{HeaderName, Request, request::Parts};
use http_body_util::Full;
use longhaul::{body::ReplayBody, detect};
use tower::{Layer, ServiceExt, service_fn};

use crate::core::{DetectPolicy, DetectWorkloadLayer, Workload};

/// A header by which a caller names the size itself (`4K`, `4096x4096`).
///
/// For requests whose body does not tell. It ends here: what begins with `x-longhaul-` goes to no provider.
const SIZE: HeaderName = HeaderName::from_static("x-longhaul-size");

/// Reads what a request asks for, and puts it into the head's extensions. The caller's own header wins over what the body
/// says, and is removed.
pub(crate) async fn read(head: &mut Parts, body: &Bytes) -> Workload {
    let workload = match head.headers.contains_key(SIZE) {
        true => by_header(head, body).await.unwrap_or_default(),
        false => detect::workload(head, body),
    };
    head.headers.remove(SIZE);
    head.extensions.insert(workload.clone());
    workload
}

/// Through the layer, which alone knows how a size is written in a header.
async fn by_header(head: &Parts, body: &Bytes) -> Option<Workload> {
    let mut policy = DetectPolicy::default();
    policy.header = Some(SIZE);
    let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
    policy.replay_limit = policy.replay_limit.max(length);
    policy.client_replay_limit = policy.client_replay_limit.max(length);
    let found = service_fn(|request: Request<ReplayBody<Full<Bytes>>>| {
        ready(Ok::<_, Infallible>(request.extensions().get().cloned()))
    });
    let request = Request::from_parts(head.clone(), Full::from(body.clone()));
    let layer = DetectWorkloadLayer::new(policy).ok()?;
    layer.layer(found).oneshot(request).await.ok()?
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
        let workload = read(&mut request(None), &body).await;
        assert_eq!(workload.resolution, Resolution::K4);
        assert_eq!(workload.model.as_deref(), Some("nano-banana-pro"));
        let mut head = request(Some("2K"));
        assert_eq!(read(&mut head, &body).await.resolution, Resolution::K2);
        assert!(!head.headers.contains_key("x-longhaul-size"));
        assert!(head.extensions.get::<Workload>().is_some());
    }
}
