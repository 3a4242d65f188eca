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

use super::{exchange, open::Open, plan::TaskPlan, policy::TasksPolicy, rate::Rate};
use crate::exchange::{Account, JoinedBody, Memory, ResponseFuture, begin};

/// Makes a task of a call where the API takes one. See [the module](super).
///
/// A poll is cheap and can be made again; a submit orders a picture. So everything that may fail is moved behind the submit.
///
/// The service below has to be `Clone`, as every client of `tower`'s is that shares its connections: polls go on with a
/// clone of it. Readiness is that of the service below. An answer that was collected is whole in memory; one that
/// passes goes on frame by frame.
///
/// The caller holds its request open as before, and no connection is open for longer than a poll takes:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http_body_util::Full;
/// use longhaul_providers::tasks::{SubmitAndPollLayer, TasksPolicy};
/// use longhaul_sim::{Provider, Weight};
/// use tower::{Layer, ServiceExt};
///
/// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
/// let policy = TasksPolicy::default().at("sub2api.test", "sub2api");
/// let client = SubmitAndPollLayer::new(policy)?.layer(provider.clone());
/// let request = http::Request::post("http://sub2api.test/v1/images/generations")
///     .body(Full::from(r#"{ "prompt": "a cat" }"#))?;
/// let answer = client.oneshot(request).await?;
/// assert!(answer.headers().contains_key("x-longhaul-task"));
/// let totals = provider.oracle().totals();
/// assert_eq!((totals.tasks, totals.charged), (1, 1), "one generation, however many polls: {}", totals.polls);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct SubmitAndPoll<S> {
    inner: S,
    shared: Arc<Shared>,
}

/// What all services of one layer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) policy: TasksPolicy,
    /// The dialects that a host has refused to an account, for as long as the policy says.
    pub(super) refused: Memory<(Account, String)>,
    /// The ids of tasks that a call of this layer has, so that a lost submit is not taken for one of them.
    pub(super) taken: Memory<(Account, String)>,
    /// The tasks that may be collected by the next call of their operation.
    pub(super) open: Open,
    /// The polls of all services together.
    pub(super) rate: Rate,
}

impl Shared {
    pub(super) fn new(policy: TasksPolicy) -> Self {
        Self {
            refused: Memory::new(policy.remember),
            taken: Memory::new(policy.remember),
            // An open task is worth remembering for as long as it may run, and a day.
            open: Open::new(
                policy
                    .deadline
                    .saturating_add(std::time::Duration::from_secs(86_400)),
            ),
            rate: Rate::per_second(policy.polls_per_second),
            policy,
        }
    }
}

impl<S> SubmitAndPoll<S> {
    pub(super) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    /// The policy that it keeps.
    ///
    /// ```
    /// use longhaul_providers::tasks::{SubmitAndPollLayer, TasksPolicy};
    /// use tower::Layer;
    ///
    /// let client = SubmitAndPollLayer::default().layer(());
    /// assert_eq!(client.policy(), &TasksPolicy::default());
    /// ```
    pub fn policy(&self) -> &TasksPolicy {
        &self.shared.policy
    }
}

impl<S, B, R> Service<Request<B>> for SubmitAndPoll<S>
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
            |head| TaskPlan::of(&shared.policy, &shared.refused, head),
            |call, body, plan| exchange::run(call, body, plan, Arc::clone(shared)),
        )
    }
}
