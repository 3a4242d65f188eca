use super::{FallbackLayer, FallbackPolicy};
use crate::config::ConfigError;
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::{future::ResponseFuture, operation::FallbackOperation, shared::Shared};
use crate::{
    body::{MemoryBudget, Replay},
    error::{BoxError, Error},
    observe::Observer,
};

/// Asks another target, where that is wanted and allowed. See the [module](super).
///
/// It stands above the retry layer, so that a target has had all its attempts before the next is asked.
#[derive(Clone, Debug)]
pub struct Fallback<S> {
    inner: S,
    shared: Arc<Shared>,
    observer: Option<Observer>,
    replay: Option<MemoryBudget>,
}

impl<S> Fallback<S> {
    /// Falls back by `policy`, with state of its own: services that share it are made by one [`FallbackLayer`], which also
    /// takes a [`Rewrite`](super::Rewrite). Refuses a policy that cannot work.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::fallback::{AnsweredBy, Fallback, FallbackPolicy, KeySource, Target};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// // One relay with two addresses, the first of which is overloaded.
    /// let relay = service_fn(async |request: Request<Full<Bytes>>| {
    ///     let status = if request.uri().host() == Some("eu.relay.example.com") { 200 } else { 503 };
    ///     Response::builder().status(status).body(Full::<Bytes>::default())
    /// });
    /// let mut door = Target::new("second door", "https://eu.relay.example.com");
    /// door.key = KeySource::Same(vec!["relay.example.com".to_owned()]);
    /// let client = Fallback::new(relay, FallbackPolicy::to([door]))?;
    /// let answer = client.oneshot(Request::post("https://relay.example.com/v1/images").body(Full::from("{}"))?).await?;
    /// let by = answer.extensions().get::<AnsweredBy>().unwrap();
    /// assert_eq!((&*by.target, by.is_fallback()), ("second door", true));
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: FallbackPolicy) -> Result<Self, ConfigError> {
        Ok(FallbackLayer::new(policy)?.layer(inner))
    }

    accessors!();

    pub(super) const fn from_parts(
        inner: S,
        shared: Arc<Shared>,
        observer: Option<Observer>,
        replay: Option<MemoryBudget>,
    ) -> Self {
        Self {
            inner,
            shared,
            observer,
            replay,
        }
    }
}

impl<S, B, ResBody> Service<Request<B>> for Fallback<S>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    B: Replay + From<Bytes>,
{
    type Response = Response<ResBody>;
    type Error = Error;
    type Future = ResponseFuture<S, B, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.shared.routes.is_empty() {
            return ResponseFuture::passing(self.inner.call(request));
        }
        // The readied service goes into the future; its clone gets ready anew.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let (operation, request) = FallbackOperation::begin(
            request,
            self.shared.clone(),
            self.observer.clone(),
            self.replay.clone(),
        );
        ResponseFuture::new(ready, operation, request)
    }
}
