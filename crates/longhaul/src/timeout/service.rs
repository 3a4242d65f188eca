use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    future::ResponseFuture,
    head_clock::HeadClock,
    limits::{AttemptTimeouts, RequestTimeouts, TimeoutPolicy, TimeoutSelector},
    request_body::RequestBody,
    response_body::ResponseBody,
    server_timeout,
};
use crate::{
    attempt::Deadline,
    error::{AttemptGuard, BoxError, Error},
    model::Workload,
};

/// Ends an attempt when the phase that it is in takes longer than its size allows.
#[derive(Clone, Debug)]
pub struct SizeAwareTimeout<S, P = Arc<TimeoutPolicy>> {
    inner: S,
    policy: P,
}

impl<S, P> SizeAwareTimeout<S, P> {
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
        let terms = *guard.attempt().terms();

        let expiries = terms.head_expiries;
        let mut clocks = match extensions.get::<RequestTimeouts>() {
            Some(own) => own.limits().timeouts_after(workload, expiries),
            None => self.policy.timeouts_after(workload, expiries),
        };
        let resolution = workload.resolution;
        if terms.uncut_head && deadline.is_some() {
            clocks.head = None;
        }
        let keep_late = terms.keep_late && deadline.is_some();
        if terms.tell_server {
            // A late attempt goes on until the operation's deadline.
            let head = clocks.head.filter(|_| !keep_late);
            server_timeout::tell(&mut request, &AttemptTimeouts { head, ..clocks }, deadline);
        }

        let clock = HeadClock::start(clocks, deadline);
        let attempt = guard.attempt().clone();
        let request = request.map(|body| RequestBody::new(body, attempt));
        ResponseFuture::new(
            self.inner.call(request),
            clock,
            resolution,
            keep_late,
            guard,
        )
    }
}
