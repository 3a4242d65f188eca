use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    Classifier, DefaultClassifier,
    body::ResponseBody,
    future::{Case, ResponseFuture},
    policy::ClassifyPolicy,
};
use crate::{
    attempt::{Attempt, RouteInfo},
    error::{AttemptGuard, BoxError, Error},
    model::{CutHistory, HostId, Workload},
};

/// Judges how an attempt ended: the only judge in a stack.
#[derive(Clone, Debug)]
pub struct Classify<S, C = DefaultClassifier> {
    pub(super) inner: S,
    pub(super) policy: ClassifyPolicy,
    pub(super) classifier: C,
    pub(super) history: CutHistory,
}

impl<S, C, B, ResBody> Service<Request<B>> for Classify<S, C>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    ResBody: Body<Data = Bytes> + Unpin,
    ResBody::Error: Into<BoxError>,
    C: Classifier + Clone,
{
    type Response = Response<ResponseBody<ResBody, C>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, ResBody, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (attempt, _) = Attempt::enter(request.extensions_mut());
        let workload = request.extensions().get::<Workload>().cloned();
        let workload = workload.unwrap_or_default();
        attempt.set_route_info(RouteInfo {
            host: HostId::of(request.uri()),
            resolution: workload.resolution,
            time_scale: self.policy.time_scale,
            history: self.history.clone(),
        });
        let case = Case {
            classifier: self.classifier.clone(),
            limit: self.policy.peek_limit,
            workload,
            // Whoever made the handle: whoever judges owes it an outcome.
            guard: Some(AttemptGuard::armed(attempt)),
        };
        ResponseFuture::new(self.inner.call(request), case)
    }
}
