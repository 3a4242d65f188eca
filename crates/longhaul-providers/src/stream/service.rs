//! The service: decides by the head, and hands all else to the exchange.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use longhaul::{BoxError, Error};
use tower_service::Service;

use super::{
    exchange,
    plan::StreamPlan,
    policy::{Api, StreamPolicy},
};
use crate::exchange::{Account, JoinedBody, Memory, ResponseFuture, begin};

/// Makes a stream of a call where the peer keeps one alive. See [the module](super).
///
/// A line on which something comes every 30 s is cut by few of the proxies that wait for bytes. A call that cannot be a stream passes as it
/// is.
///
/// The service below has to be `Clone`, as every client of `tower`'s is that shares its connections: an exchange
/// outlives the call that made it. The answer's body is whole in memory where a stream was read; all other answers pass
/// frame by frame.
///
/// A caller sends what it always sent; here the provider answers with events, and the caller gets the unary answer:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http_body_util::{BodyExt, Full};
/// use longhaul_providers::stream::{Api, StreamPolicy, StreamUpgradeLayer};
/// use longhaul_sim::{Provider, Weight};
/// use tower::{Layer, ServiceExt};
///
/// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
/// let policy = StreamPolicy::default().at("relay.test", Api::Images, 0);
/// let client = StreamUpgradeLayer::new(policy)?.layer(provider.clone());
/// let request = http::Request::post("http://relay.test/v1/images/generations")
///     .body(Full::from(r#"{ "prompt": "a cat", "n": 2 }"#))?;
/// let answer = client.oneshot(request).await?.into_body().collect().await?.to_bytes();
/// let document: serde_json::Value = serde_json::from_slice(&answer)?;
/// assert_eq!(document["data"].as_array().unwrap().len(), 2);
/// assert_eq!(provider.oracle().totals().requests, 1, "one call, one answer");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct StreamUpgrade<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// What all services of one layer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) policy: StreamPolicy,
    /// Hosts that did not stream for an account, by API.
    pub(super) refused: Memory<(Account, Api)>,
}

impl Shared {
    pub(super) fn new(policy: StreamPolicy) -> Self {
        Self {
            refused: Memory::new(policy.remember),
            policy,
        }
    }
}

impl<S> StreamUpgrade<S> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    /// The policy that it keeps.
    ///
    /// ```
    /// use longhaul_providers::stream::{StreamPolicy, StreamUpgradeLayer};
    /// use tower::Layer;
    ///
    /// let client = StreamUpgradeLayer::default().layer(());
    /// assert_eq!(client.policy(), &StreamPolicy::default());
    /// ```
    pub fn policy(&self) -> &StreamPolicy {
        &self.shared.policy
    }
}

impl<S, B, R> Service<Request<B>> for StreamUpgrade<S>
where
    S: Service<Request<JoinedBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<JoinedBody<R>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = &self.shared;
        begin(
            &mut self.inner,
            request,
            |head| StreamPlan::of(&shared.policy, &shared.refused, head),
            |call, body, plan| exchange::run(call, body, plan, Arc::clone(shared)),
        )
    }
}
