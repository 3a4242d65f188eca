use super::{ClassifyingRetryLayer, RetryPolicy};
use crate::config::ConfigError;
use std::{
    mem,
    task::{Context, Poll},
};
use tower_layer::Layer;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{body::ResponseBody, future::ResponseFuture, layer::Shared, operation::RetryOperation};
use crate::{
    body::Replay,
    error::{BoxError, Error},
};

/// Sends again, where that helps and is allowed. See the [module](super).
///
/// Without [`Classify`](crate::classify::Classify) below it goes by statuses and errors alone: see what a layer does without its
/// neighbours, in the [crate's documentation](crate).
#[derive(Clone, Debug)]
pub struct ClassifyingRetry<S> {
    inner: S,
    shared: Shared,
}

impl<S> ClassifyingRetry<S> {
    /// Sends again by `policy`, with state of its own: services that share it are made by one [`ClassifyingRetryLayer`]. Refuses a policy that cannot
    /// work.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::retry::{ClassifyingRetry, RetryPolicy, RetryReport};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// static CALLS: AtomicU32 = AtomicU32::new(0);
    /// let provider = service_fn(async |_: Request<Full<Bytes>>| {
    ///     let status = if CALLS.fetch_add(1, Ordering::Relaxed) == 0 { 503 } else { 200 };
    ///     Response::builder().status(status).body(Full::<Bytes>::default())
    /// });
    /// let client = ClassifyingRetry::new(provider, RetryPolicy::default())?;
    /// let answer = client.oneshot(Request::post("https://api.example.com/v1/images").body(Full::default())?).await?;
    /// let report: &RetryReport = answer.extensions().get().expect("each answer has one");
    /// assert_eq!((report.attempts().len(), report.duplicates()), (2, 0), "the refusal was free");
    /// assert!(report.waits()[0] >= Duration::from_secs(15));
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: RetryPolicy) -> Result<Self, ConfigError> {
        Ok(ClassifyingRetryLayer::new(policy)?.layer(inner))
    }

    accessors!();

    pub(super) const fn with_policy(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
    }
}

impl<S, B, ResBody> Service<Request<B>> for ClassifyingRetry<S>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The readied service goes into the future; its clone gets ready anew.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let (operation, request) = RetryOperation::begin(request, &self.shared);
        ResponseFuture::new(ready, operation, request)
    }
}
