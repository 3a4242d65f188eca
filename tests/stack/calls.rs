//! Calls for 4K pictures, and a stack in process to send them through.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::{Error, policy::Policy};
use longhaul_sim::Dialect;
use longhaul_testing::harness::{Harness, InProcess};
use tower::{Service, ServiceExt};

/// What one 4K picture costs, in millionths of a dollar.
pub(crate) const PRICE: i64 = 240_000;

/// A provider that meets this, asked under the document's policy.
pub(crate) fn scripted(script: &str) -> Harness<InProcess> {
    Harness::in_process(Policy::nano_banana_pro(), script.parse().unwrap())
}

/// A 4K picture, asked for in this dialect.
pub(crate) fn picture(dialect: Dialect) -> Request<Full<Bytes>> {
    let (path, body) = match dialect {
        Dialect::Gemini => (
            "v1beta/models/gemini-3-pro-image:generateContent",
            r#"{"contents":[{"parts":[{"text":"a hat"}]}],"generationConfig":{"imageConfig":{"imageSize":"4K"}}}"#,
        ),
        _ => (
            "v1/images/generations",
            r#"{"model":"nano-banana-pro","prompt":"a hat","size":"4096x4096"}"#,
        ),
    };
    post(path, Full::from(body))
}

/// JSON for `path` of the one host there is.
pub(crate) fn post<B>(path: &str, body: B) -> Request<B> {
    Request::post(format!("https://api.example/{path}"))
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

/// Sends a request and reads the answer to its end.
pub(crate) async fn send<S, B, C>(client: S, request: Request<B>) -> Result<Response<Bytes>, Error>
where
    S: Service<Request<B>, Response = Response<C>, Error = Error>,
    C: Body<Error = Error>,
{
    let (head, body) = client.oneshot(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// Polls once, on this task.
pub(crate) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
