use std::{
    mem,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, header::Entry};
use http_body::Body;
use tower_service::Service;

use super::{
    DetectPolicy, ResponseFuture,
    facts::{RequestFacts, size},
    value::RequestValue,
};
use crate::{
    body::{MemoryBudget, ReadAhead, ReplayBody},
    config::ConfigError,
    error::{BoxError, Error},
    model::Resolution,
};

/// Reads a request's body, puts a [`Workload`](crate::Workload) into its extensions, and sends it on as a
/// [`ReplayBody`].
///
/// See the [module](super) for what it understands. A request whose body fails while it is read ends with
/// [`ErrorKind::RequestBody`](crate::ErrorKind::RequestBody); the inner service never hears of it.
#[derive(Clone, Debug)]
pub struct DetectWorkload<S> {
    inner: S,
    policy: DetectPolicy,
    budget: MemoryBudget,
}

impl<S> DetectWorkload<S> {
    accessors!();

    /// Puts it around `inner`. Fails where the policy [cannot work](DetectPolicy::validate).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Error, Resolution, Workload, body::ReplayBody, detect::{DetectPolicy, DetectWorkload}};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// // What the layers below see of a request that nobody can read.
    /// let below = service_fn(async |request: Request<ReplayBody<Full<Bytes>>>| {
    ///     let workload = request.extensions().get::<Workload>().unwrap();
    ///     assert_eq!((workload.resolution, workload.recognised), (Resolution::Unknown, false));
    ///     Ok::<_, Error>(Response::new(()))
    /// });
    /// let client = DetectWorkload::new(below, DetectPolicy::default())?;
    /// client.oneshot(Request::post("https://api.example.com/own/route").body(Full::from("a cat"))?).await?;
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: DetectPolicy) -> Result<Self, ConfigError> {
        policy.validate()?;
        let budget = MemoryBudget::new(policy.client_replay_limit);
        Ok(Self::with_budget(inner, policy, budget))
    }

    pub(super) const fn with_budget(inner: S, policy: DetectPolicy, budget: MemoryBudget) -> Self {
        Self {
            inner,
            policy,
            budget,
        }
    }
}

impl<S, B> Service<Request<B>> for DetectWorkload<S>
where
    S: Service<Request<ReplayBody<B>>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The readied service goes into the future; the clone is readied for the next call.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        let (mut head, body) = request.into_parts();
        let named = self
            .policy
            .header
            .as_ref()
            .and_then(|name| take_size(&mut head.headers, name));
        let body = ReadAhead::new(body, self.policy.replay_limit, &self.budget);
        ResponseFuture::new(inner, head, body, named, self.policy.replay_limit)
    }
}

/// Removes the caller's header; returned is the size that it names.
fn take_size(headers: &mut HeaderMap, name: &HeaderName) -> Option<Resolution> {
    let Entry::Occupied(entry) = headers.entry(name) else {
        return None;
    };
    let mut facts = RequestFacts::default();
    for value in entry.remove_entry_mult().1 {
        size(&mut facts, text(&value));
    }
    // A caller who leaves it open does not know it either.
    Some(facts.named_size().unwrap_or_default())
}

fn text(value: &HeaderValue) -> RequestValue<'_> {
    value
        .to_str()
        .map_or(RequestValue::Other, RequestValue::Text)
}
