use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header::ACCEPT_ENCODING};
use http_body::Body;
use tower_layer::Layer as _;
use tower_service::Service;

use super::{
    Classifier, ClassifyLayer, DefaultClassifier, body::ResponseBody, context::ClassifyContext,
    future::ResponseFuture, policy::ClassifyPolicy,
};
use crate::{
    attempt::{Attempt, RouteInfo, SentSecrets},
    body::MemoryBudget,
    config::ConfigError,
    error::{AttemptGuard, BoxError, Error},
    model::{RouteHistory, RouteId, TimeScale, Workload},
};

/// Judges how an attempt ended: the only judge in a stack.
///
/// It ends each attempt, once. A layer above that judged a second time would count one call twice; what knows a provider better is
/// therefore a [`Classifier`] within this layer, and no layer beside it. See the [module](super).
#[derive(Clone, Debug)]
pub struct Classify<S, C = DefaultClassifier> {
    pub(super) inner: S,
    pub(super) policy: ClassifyPolicy,
    pub(super) memory: MemoryBudget,
    pub(super) classifier: C,
    pub(super) history: RouteHistory,
}

impl<S> Classify<S> {
    /// Judges what comes of `inner` by the built-in rules, unless [another classifier](Self::with_classifier) is given.
    /// Refuses a policy that cannot work.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Class, classify::{Classification, Classify, ClassifyPolicy}};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// let provider = service_fn(async |_: Request<()>| {
    ///     let body = r#"{"error": {"code": 503, "status": "UNAVAILABLE", "message": "The model is overloaded."}}"#;
    ///     Response::builder().status(503).header("content-type", "application/json").body(Full::<Bytes>::from(body))
    /// });
    /// let client = Classify::new(provider, ClassifyPolicy::default())?;
    /// let answer = client.oneshot(Request::post("https://api.example.com/v1/images").body(())?).await?;
    /// // By its words, not by its status.
    /// assert_eq!(answer.extensions().get::<Classification>().unwrap().class, Class::Overloaded);
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: ClassifyPolicy) -> Result<Self, ConfigError> {
        Ok(ClassifyLayer::new(policy)?.layer(inner))
    }
}

impl<S, C> Classify<S, C> {
    accessors!();

    /// The same service with this classifier.
    pub fn with_classifier<D: Classifier>(self, classifier: D) -> Classify<S, D> {
        Classify {
            inner: self.inner,
            policy: self.policy,
            memory: self.memory,
            classifier,
            history: self.history,
        }
    }

    /// The same service with this history, to share one across services.
    pub fn with_history(mut self, history: RouteHistory) -> Self {
        self.history = history;
        self
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
        let workload = workload.unwrap_or_default();
        attempt.await_picture();
        attempt.set_route_info(RouteInfo {
            route: RouteId::of(request.uri(), request.extensions()),
            resolution: workload.resolution,
            scale: TimeScale(self.policy.time_scale),
            history: self.history.clone(),
        });
        attempt.set_secrets(SentSecrets::of(request.headers(), request.uri()));
        if self.policy.ask_identity && workload.recognised {
            ask_identity(request.headers_mut());
        }
        let holds = self.policy.hold && workload.recognised && !workload.stream;
        let case = ClassifyContext {
            classifier: self.classifier.clone(),
            peek_limit: self.policy.peek_limit,
            hold: holds.then(|| (self.policy.hold_limit, self.memory.clone())),
            workload,
            // Whoever made the handle: whoever judges owes it an outcome.
            guard: Some(AttemptGuard::armed(attempt)),
        };
        ResponseFuture::new(self.inner.call(request), case)
    }
}

/// Asks for an answer as it is, unless the caller wants none such.
fn ask_identity(headers: &mut HeaderMap) {
    if !forbids_identity(headers) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
}

/// RFC 9110 section 12.5.3: by its own weight of nothing, or by that of whatever is not named.
fn forbids_identity(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let codings = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let (mut identity, mut rest) = (None, None);
    for coding in codings {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix(['q', 'Q']);
        let weight = weight.and_then(|weight| weight.strip_prefix('='));
        let refused = weight.unwrap_or("1").trim().parse() == Ok(0.0);
        match name.trim() {
            "*" => rest = Some(refused),
            name if name.eq_ignore_ascii_case("identity") => identity = Some(refused),
            _ => {}
        }
    }
    identity.or(rest).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_asked_for_unless_the_caller_forbids_it() {
        for (asked, sent) in [
            (None, "identity"),
            (Some("gzip, deflate, br"), "identity"),
            (Some("gzip;q=1, *;q=0.5"), "identity"),
            (Some("identity;q=0.5, *;q=0"), "identity"),
            (Some("gzip, identity;q=0"), "gzip, identity;q=0"),
            (Some("gzip, Identity; q=0.000"), "gzip, Identity; q=0.000"),
            (Some("gzip, identity;Q=0"), "gzip, identity;Q=0"),
            (Some("gzip, identity ; Q=0.0"), "gzip, identity ; Q=0.0"),
            (Some("br, *;q=0"), "br, *;q=0"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(asked) = asked {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(asked));
            }
            ask_identity(&mut headers);
            assert_eq!(headers[ACCEPT_ENCODING], sent, "{asked:?}");
        }
    }
}
