use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, header::CONTENT_LENGTH};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    clocks::Clocks,
    future::ResponseFuture,
    layer::SizeAwareTimeoutLayer,
    policy::{AtLimit, RequestTimeouts, TimeoutPolicy},
    request_body::RequestBody,
    response_body::ResponseBody,
    selector::{AttemptTimeouts, TimeoutSelector},
    server_timeout,
};
use crate::{
    attempt::Deadline,
    config::ConfigError,
    error::{AttemptGuard, BoxError, Error},
    model::Workload,
};

/// Ends an attempt when the phase that it is in takes longer than its size allows.
///
/// Its clocks are for phases and not for the call: a 4K picture may be silent for ten minutes while the model works, and thirty
/// seconds without progress of the upload mean that nobody reads. See the [module](super).
#[derive(Clone, Debug)]
pub struct SizeAwareTimeout<S, P = Arc<TimeoutPolicy>> {
    inner: S,
    policy: P,
}

impl<S> SizeAwareTimeout<S> {
    /// Keeps the limits of `policy`. Refuses zero, half-set and contradictory ones.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Class, Error, ErrorKind, error::Clock, timeout::{RequestBody, SizeAwareTimeout, TimeoutPolicy}};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// // A client that finds no connection: it never asks for the request's body.
    /// let client = service_fn(|_: Request<RequestBody<Full<Bytes>>>| {
    ///     std::future::pending::<Result<Response<Full<Bytes>>, Error>>()
    /// });
    /// let client = SizeAwareTimeout::new(client, TimeoutPolicy::default())?;
    /// let error = client.oneshot(Request::new(Full::from("a cat"))).await.unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::Timeout { clock: Clock::Start, .. }), "after 20 s");
    /// assert_eq!(error.class(), Class::NeverSent);
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: TimeoutPolicy) -> Result<Self, ConfigError> {
        Ok(SizeAwareTimeoutLayer::new(policy)?.layer(inner))
    }
}

impl<S, P> SizeAwareTimeout<S, P> {
    accessors!();

    pub(super) const fn with_policy(inner: S, policy: P) -> Self {
        Self { inner, policy }
    }
}

impl<S, P, B, ResBody> Service<Request<B>> for SizeAwareTimeout<S, P>
where
    S: Service<Request<RequestBody<B>>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    P: TimeoutSelector,
    B: Body,
    ResBody: Body,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let guard = AttemptGuard::enter(request.extensions_mut());
        let extensions = request.extensions();
        let unknown = Workload::default();
        let workload = extensions.get().unwrap_or(&unknown);
        let deadline = Deadline::of(extensions);
        let terms = guard.attempt().options().clone();

        let expiries = terms.head_expiries;
        let mut timeouts = match extensions.get::<RequestTimeouts>() {
            Some(own) => own.limits().timeouts_after(workload, expiries),
            None => self.policy.timeouts_after(workload, expiries),
        };
        let resolution = workload.resolution;
        let goes_on = match timeouts.at_limit {
            Some(at_limit) => at_limit == AtLimit::Late,
            None => terms.keep_late,
        };
        let late = goes_on && deadline.is_some();
        if late {
            // An attempt that ends at its limit keeps the table's.
            let attempt = guard.attempt();
            timeouts.picture = timeouts.picture.map(|limit| attempt.learned_limit(limit));
        }
        if terms.tell_server {
            // A late attempt goes on until the operation's deadline.
            let picture = timeouts.picture.filter(|_| !late);
            let told = AttemptTimeouts {
                picture,
                ..timeouts
            };
            server_timeout::tell(&mut request, &told, deadline);
        }

        let clocks = Clocks::start(timeouts, deadline);
        let attempt = guard.attempt().clone();
        let announced = content_length(request.headers());
        let request = request.map(|body| RequestBody::new(body, announced, attempt));
        ResponseFuture::new(self.inner.call(request), clocks, resolution, late, guard)
    }
}

/// The length that the request announces, if it is one number.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next()?.to_str().ok()?.parse().ok();
    length.filter(|_| lengths.next().is_none())
}
