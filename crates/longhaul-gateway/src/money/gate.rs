//! The layers below `ClassifyingRetry` see every attempt, and this one stands where the last decision is made: an
//! attempt that waited for a place, or that is made again after an overload, is asked for its money anew. An
//! operation whose callers have left begins no further attempt here, which is how `Detach` keeps its word.
//!
//! It stands above an exchange's requests: the polls of a task cost nothing
//! (`under_a_cap_the_polls_of_a_task_hold_no_money`).

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{BoxFuture, Either, MapErr, TryFutureExt};
use http::{Extensions, Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use super::Reservation;
use crate::{
    core::{Attempt, BoxError, Error, ErrorKind, Money, PriceTable, Provider},
    progress::Progress,
};

/// The last layer above the client: lets no attempt through whose price the caller's cap does not reach, and none that
/// begins when its callers have left.
///
/// It reads the [`Reservation`], the [`Attempt`] and the [`Progress`] in the request's extensions.
/// Where there is no reservation and somebody waits, the request goes on without a box or a wait.
///
/// What it refuses was never sent: [`ErrorKind::SpendingCap`], or `NotStarted`
/// where its callers have left.
#[derive(Clone, Debug)]
pub struct Gate<S> {
    inner: S,
    prices: Arc<PriceTable>,
}

impl<S> Gate<S> {
    /// Before `inner`, with the prices by which attempts are held.
    pub const fn new(inner: S, prices: Arc<PriceTable>) -> Self {
        Self { inner, prices }
    }

    /// What must be held before `request` may go, where its caller has a cap.
    fn asks<B>(&self, request: &Request<B>) -> Option<(Reservation, Attempt, Option<Money>)> {
        let extensions = request.extensions();
        let reservation = extensions.get::<Reservation>()?.clone();
        let attempt = extensions.get::<Attempt>()?.clone();
        let price = price(&self.prices, request.uri(), extensions);
        Some((reservation, attempt, price))
    }
}

/// False without a `Progress`: nobody is known to have left then.
fn is_abandoned<B>(request: &Request<B>) -> bool {
    request
        .extensions()
        .get()
        .is_some_and(Progress::is_abandoned)
}

/// Puts a [`Gate`] above whatever makes one attempt several requests: only the first of them begins anything.
///
/// As the exchange of a stack, or as the innermost part of one:
///
/// ```
/// use std::sync::Arc;
/// use longhaul::{ConfigError, Stack, billing::PriceTable, policy::Policy};
/// use longhaul_gateway::money::GateLayer;
///
/// # fn main() -> Result<(), ConfigError> {
/// let policy = Policy::nano_banana_pro();
/// let prices = Arc::new(PriceTable::new(policy.billing.prices.clone())?);
/// let stack = Stack::new(policy)?.with_exchange(GateLayer::new(prices));
/// # let _ = stack;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct GateLayer(Arc<PriceTable>);

impl GateLayer {
    /// With the prices by which attempts are held.
    pub const fn new(prices: Arc<PriceTable>) -> Self {
        Self(prices)
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(inner, self.0.clone())
    }
}

/// What `request` costs if it is charged.
///
/// `None` where no row fits, where the request has no workload, and where it has neither provider nor host.
pub(crate) fn price(prices: &PriceTable, uri: &Uri, extensions: &Extensions) -> Option<Money> {
    let provider = match extensions.get::<Provider>() {
        Some(provider) => provider.as_str().to_owned(),
        None => uri.host()?.to_ascii_lowercase(),
    };
    prices.price(&provider, extensions.get()?)
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Either<
        MapErr<S::Future, fn(S::Error) -> BoxError>,
        BoxFuture<'static, Result<S::Response, BoxError>>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let asks = self.asks(&request);
        if asks.is_none() && !is_abandoned(&request) {
            let boxed: fn(S::Error) -> BoxError = Into::into;
            return Either::Left(self.inner.call(request).map_err(boxed));
        }
        // The service that `poll_ready` made ready goes with the request; its clone stays.
        let clone = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, clone);
        Either::Right(Box::pin(async move {
            if let Some((reservation, attempt, price)) = asks {
                reservation
                    .attempt(&attempt, price)
                    .await
                    .map_err(Error::new)?;
            }
            // Its callers may have left meanwhile.
            if is_abandoned(&request) {
                return Err(Error::new(ErrorKind::NotStarted).into());
            }
            inner.call(request).await.map_err(Into::into)
        }))
    }
}
