use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{Either, MapErr, TryFutureExt};
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::Reservation;
use crate::{
    core::{Attempt, BoxError, Error, ErrorKind, PriceTable, Provider, Workload},
    progress::Progress,
};

/// The last layer above the client: lets no attempt through whose price the caller's cap does not reach, and none that
/// begins when its callers have left.
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

    fn refused<B>(&self, request: &Request<B>) -> Option<ErrorKind> {
        let extensions = request.extensions();
        if extensions.get().is_some_and(Progress::is_abandoned) {
            return Some(ErrorKind::NotStarted);
        }
        let reservation = extensions.get::<Reservation>()?;
        let attempt = extensions.get::<Attempt>()?;
        let price = price(&self.prices, request);
        reservation.attempt(attempt, price).err()
    }
}

/// Puts a [`Gate`] above whatever makes one attempt several requests: only the first of them begins anything.
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
pub(crate) fn price<B>(prices: &PriceTable, request: &Request<B>) -> Option<crate::core::Money> {
    let provider = match request.extensions().get::<Provider>() {
        Some(provider) => provider.as_str().to_owned(),
        None => request.uri().host()?.to_ascii_lowercase(),
    };
    let workload = request.extensions().get::<Workload>()?;
    prices.price(&provider, workload)
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future =
        Either<MapErr<S::Future, fn(S::Error) -> BoxError>, Ready<Result<S::Response, BoxError>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.refused(&request) {
            Some(kind) => Either::Right(ready(Err(Error::new(kind).into()))),
            None => {
                let boxed: fn(S::Error) -> BoxError = Into::into;
                Either::Left(self.inner.call(request).map_err(boxed))
            }
        }
    }
}
