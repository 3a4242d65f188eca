//! One operation at an upstream: a turn, the caller's money, the layers, and an answer in any case.
//!
//! Turn first, then money, then the layers: what waits in a queue holds no money, and what has no money takes no
//! connection. Both are held until the last byte of the answer is out (`Holding`), together with what measures the
//! operation, and are given back in one drop, whichever way it ends.
//!
//! Here errors of the layers become refusals, so that everything above sees answers alone: replay keeps them, and who
//! comes back reads the same.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Extensions, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use tokio::time::timeout_at;
use tower::{Service, ServiceExt};
use tracing::Instrument as _;

use super::Upstream;
use crate::{
    body::Holding,
    caller::Caller,
    core::{Attempt, Class, Deadline, Error, ErrorKind, RetryReport},
    dialect::Dialect,
    forward,
    money::{Account, Reservation, price},
    refusal::{ATTEMPTS, CLASS, COST, Refusal, SHOULD_RETRY, code, should_retry},
    telemetry::{Measured, not_begun},
    turns::Turn,
};

/// Calls the [`Upstream`] in a request's extensions. Never fails: what went wrong is an answer in the caller's dialect.
///
/// It is the innermost service of the gateway, below [`Detach`](crate::detach). What else it reads of the request's
/// extensions: the [`Caller`] for its turn, the [`Account`] for its money, the [`Workload`](longhaul::Workload) for
/// its price, a [`Deadline`]. Without a caller a call takes no turn, without an account it holds
/// no money.
///
/// ```
/// use longhaul_gateway::upstream::CallUpstream;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = http::Request::post("/v1/images/generations").body(Default::default())?;
/// let answer = CallUpstream.oneshot(request).await?;
/// assert_eq!(answer.status(), 404, "no upstream is in the extensions: an answer, not an error");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CallUpstream;

impl Service<Request<Full<Bytes>>> for CallUpstream {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        Box::pin(async move {
            let dialect = Dialect::of_path(request.uri().path());
            let upstream = request.extensions().get::<Upstream>().cloned();
            let answer = match upstream {
                Some(upstream) => upstream.operation(request).await,
                None => Err(no_upstream()),
            };
            Ok(answer.unwrap_or_else(|refusal| refusal.into_response(dialect).map(Body::new)))
        })
    }
}

/// One refusal for every reason why none fits: a stranger learns nothing of the paths that there are.
pub(crate) fn no_upstream() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "no_upstream",
        "no upstream of this gateway has this path, host and model",
    )
}

impl Upstream {
    /// `accept-encoding` is replaced: a compressed answer can be neither judged in passing nor put behind a
    /// heartbeat.
    async fn operation(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Refusal> {
        let (mut head, body) = request.into_parts();
        let dialect = Dialect::of_path(head.uri.path());
        let measured = Measured::begin(self, &head, &self.0.history);
        // What this operation holds of its caller's money is free again when its last byte is out.
        let reservation = head.extensions.get::<Account>().map(Account::reserve);
        let caller = head.extensions.get::<Caller>().cloned();
        self.forward(&mut head)?;
        // The gateway reads the answer, and may keep a line open in front of it.
        head.headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        let turn = self
            .admit(&mut head, caller.as_ref(), reservation.as_ref())
            .await
            .inspect_err(|refusal| not_begun(self.name(), refusal.code()))?;
        let layers = self.0.layers.service.clone();
        let span = measured.span().clone();
        let mut held = (turn, reservation, measured);
        let call = layers.oneshot(Request::from_parts(head, body));
        match call.instrument(span).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                decorate(&mut head);
                held.2.answered(head.status);
                Ok(Response::from_parts(
                    head,
                    Body::new(Holding::new(body, held)),
                ))
            }
            Err(error) => {
                if matches!(error.kind(), ErrorKind::SpendingCap { .. }) {
                    not_begun(self.name(), "spending_cap");
                }
                drop(held);
                Err(Refusal::of_error(&error, dialect))
            }
        }
    }

    /// The caller's turn, with the money of the first attempt held. It is held once the turn has come: what waits has
    /// cost nothing yet.
    async fn admit(
        &self,
        head: &mut Parts,
        caller: Option<&Caller>,
        reservation: Option<&Reservation>,
    ) -> Result<Option<Turn>, Refusal> {
        let price = price(&self.0.prices, &head.uri, &head.extensions);
        if reservation.is_some() && price.is_none() {
            return Err(self.price_missing(head));
        }
        let turn = match caller {
            Some(caller) => Some(self.turn(caller, &head.extensions).await?),
            None => None,
        };
        if let Some(reservation) = reservation {
            let dialect = Dialect::of_path(head.uri.path());
            let held = reservation.first(price).await;
            held.map_err(|kind| Refusal::of_error(&Error::new(kind), dialect))?;
            head.extensions.insert(reservation.clone());
        }
        Ok(turn)
    }

    /// The caller's turn, until the deadline that it gave.
    ///
    /// Without a deadline it waits for as long as its caller does.
    async fn turn(&self, caller: &Caller, extensions: &Extensions) -> Result<Turn, Refusal> {
        let turn = self.turns().take(caller);
        let Some(deadline) = Deadline::of(extensions) else {
            return turn.await;
        };
        timeout_at(deadline.instant(), turn).await.map_err(|_| {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                code(Class::NotBegun),
                "the call's deadline passed while it waited for its turn; nothing was sent: give it more time, or the \
                 upstream more `places`",
            )
            .of_class(Class::NotBegun)
        })?
    }

    /// Names the price row without which a call is refused under a cap.
    ///
    /// The row is written as it would stand in the file: it can be copied out of the error.
    fn price_missing(&self, head: &Parts) -> Refusal {
        let workload = head.extensions.get::<crate::core::Workload>();
        let model = workload.and_then(|workload| workload.model.as_deref());
        let row = format!(
            "[[upstreams.policy.billing.prices]] with provider = {:?}, model = {:?}",
            self.0.provider.as_str(),
            model.unwrap_or("*"),
        );
        let resolution = workload.map(|workload| workload.resolution.to_string());
        Refusal::new(
            StatusCode::PAYMENT_REQUIRED,
            "price_unknown",
            format!(
                "the key has a spending cap, and this call has no known price; nothing was sent: add {row}, \
                 resolution {}, to upstream {:?}, with a price of 0 if it is free",
                resolution.unwrap_or_default(),
                self.name(),
            ),
        )
        .of_class(Class::NotBegun)
    }
}

/// Makes an upstream's head the gateway's: no header of the upstream's connection, and what the layers know.
///
/// What is left of the provider's head is what is about the answer. `x-should-retry: false` on a failure stops SDKs,
/// which would multiply the attempts that the layers have made.
fn decorate(head: &mut http::response::Parts) {
    forward::answer(head);
    let attempt = head.extensions.get::<Attempt>().cloned();
    let report = head.extensions.get::<RetryReport>().cloned();
    let headers = &mut head.headers;
    if !head.status.is_success() {
        // The gateway will not send it again by itself, and neither must an SDK.
        headers.insert(SHOULD_RETRY, should_retry(false));
    }
    if let Some(class) = attempt.and_then(|attempt| attempt.class()) {
        headers.insert(CLASS, HeaderValue::from_static(class.name()));
    }
    if let Some(report) = report {
        headers.insert(ATTEMPTS, report.attempts().len().into());
        let cost = report.possible_cost();
        if let Some(cost) = cost.and_then(|cost| cost.to_string().try_into().ok()) {
            headers.insert(COST, cost);
        }
    }
}

impl Upstream {
    /// Passes a request on without judging it: no retry, no ledger, both bodies stream.
    ///
    /// Nothing of it is written down, and nothing is known of its cost: only what [makes no picture and no
    /// text](crate::dialect::is_judged) comes here.
    pub(crate) async fn pass(&self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        let (mut head, body) = request.into_parts();
        let dialect = Dialect::of_path(head.uri.path());
        self.forward(&mut head)?;
        let client = self.0.pass.clone();
        let response = client
            .oneshot(Request::from_parts(head, body))
            .await
            .map_err(|error| Refusal::of_error(&Error::from_inner(error), dialect))?;
        let (mut head, body) = response.into_parts();
        forward::answer(&mut head);
        Ok(Response::from_parts(head, Body::new(body)))
    }
}
