use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    Classifier, DefaultClassifier,
    future::{Case, ResponseFuture},
    judge::ResponseBody,
    policy::ClassifyPolicy,
};
use crate::{
    attempt::{Attempt, AttemptGuard},
    error::{BoxError, Error},
    workload::Workload,
};

/// Judges how an attempt ended: the only judge in a stack.
#[derive(Clone, Copy, Debug)]
pub struct Classify<S, C = DefaultClassifier> {
    inner: S,
    policy: ClassifyPolicy,
    classifier: C,
}

impl<S, C> Classify<S, C> {
    pub(super) const fn with_policy(inner: S, policy: ClassifyPolicy, classifier: C) -> Self {
        Self {
            inner,
            policy,
            classifier,
        }
    }
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
        let case = Case {
            classifier: self.classifier.clone(),
            limit: self.policy.peek_limit,
            workload: workload.unwrap_or_default(),
            // Whoever made the handle: whoever judges owes it an outcome.
            guard: Some(AttemptGuard::armed(attempt)),
        };
        ResponseFuture::new(self.inner.call(request), case)
    }
}
