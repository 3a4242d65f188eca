//! Paths of the gateway's own, below `/v1/longhaul`: no upstream is asked there, whatever the method, and also where nothing
//! is remembered. The name of an operation is its owner's, and no provider's to know.
//!
//! Test: `no_upstream_is_told_of_an_operations_address`.

use axum::body::{Body, HttpBody};
use http::{Method, Response, header};

use super::Gateway;
use crate::{caller::Caller, refusal::Refusal, replay::no_operation};

/// What stands below it is the gateway's.
const OWN: &str = "/v1/longhaul";

/// Whether no upstream is asked at `path`.
pub(super) fn is_own(path: &str) -> bool {
    path.strip_prefix(OWN)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Gateway {
    /// The answer at a path of its own.
    pub(super) async fn own(
        &self,
        method: &Method,
        path: &str,
        caller: &Caller,
    ) -> Result<Response<Body>, Refusal> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::only(
                "GET, HEAD",
                "method_not_allowed",
                "an operation is looked up here, and nothing else; nothing was sent",
            ));
        }
        let collected = match self.0.judged.replays() {
            Some(replays) => replays.collect(path, caller).await,
            None => None,
        };
        let answer = collected.unwrap_or_else(|| Err(no_operation()))?;
        Ok(answer.map(Body::new))
    }
}

/// The answer to `HEAD`: that to `GET` without its body, whose length is still told.
///
/// hyper leaves the body out in HTTP/1 alone.
pub(super) fn without_body(answer: Response<Body>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    // An upstream's answer has no body, and tells the length itself.
    if let Some(length @ 1..) = body.size_hint().exact() {
        let told = head.headers.entry(header::CONTENT_LENGTH);
        told.or_insert(length.into());
    }
    Response::from_parts(head, Body::empty())
}
