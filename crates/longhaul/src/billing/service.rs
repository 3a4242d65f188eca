//! Where the entry is opened, and what it opens with. Everything that costs time happens in the future; the call itself reads
//! the request's extensions and two tables.

use crate::model::{Provider, ProviderChargeRules};
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, header::HeaderName};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ResponseBody,
    future::ResponseFuture,
    ledger::{Entry, Ledger},
    policy::{BillingPolicy, Tables},
    record::Opening,
};
use crate::{
    attempt::Attempt,
    config::ConfigError,
    error::{BoxError, Error},
    model::{Money, Workload, wall_clock},
};

/// Writes one ledger entry per attempt, opened before its first byte leaves and closed at its end.
///
/// Where the ledger cannot write an entry down, nothing is sent ([`ErrorKind::Ledger`](crate::ErrorKind::Ledger)): money without
/// an entry is money that nobody can claim back. See the [module](super).
#[derive(Clone, Debug)]
pub struct BillingCompensationTracker<S, L> {
    inner: S,
    tables: Arc<Tables>,
    ledger: L,
}

impl<S, L> BillingCompensationTracker<S, L> {
    accessors!();

    /// Writes what goes through `inner` into `ledger`, at the prices of `policy`; refuses a policy that
    /// cannot work.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Class, billing::{BillingCompensationTracker, BillingPolicy, MemoryLedger}};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// let provider = service_fn(async |_: Request<Full<Bytes>>| {
    ///     Response::builder().status(429).body(Full::<Bytes>::default())
    /// });
    /// let ledger = MemoryLedger::new();
    /// let client = BillingCompensationTracker::new(provider, BillingPolicy::default(), ledger.clone())?;
    /// client.oneshot(Request::post("https://api.example.com/v1/images").body(Full::default())?).await?;
    /// // No other layer: the status alone says what it means.
    /// assert_eq!(ledger.records()[0].closing.as_ref().unwrap().outcome.class, Class::RateLimited);
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: BillingPolicy, ledger: L) -> Result<Self, ConfigError> {
        let tables = Arc::new(policy.into_tables()?);
        Ok(Self::with_tables(inner, tables, ledger))
    }

    pub(super) const fn with_tables(inner: S, tables: Arc<Tables>, ledger: L) -> Self {
        Self {
            inner,
            tables,
            ledger,
        }
    }
}

impl<S, L, B, ResBody> Service<Request<B>> for BillingCompensationTracker<S, L>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    ResBody: Body,
    ResBody::Error: Into<BoxError>,
    L: Ledger,
{
    type Response = Response<ResponseBody<ResBody, L>>;
    type Error = Error;
    type Future = ResponseFuture<S, B, L>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The readied service goes with the request; a fresh clone stays, which is not ready yet.
        let unready = self.inner.clone();
        let readied = mem::replace(&mut self.inner, unready);

        let attempt = enter(&mut request);
        if !attempt.claim_entry() {
            let entry = Entry::elsewhere(&attempt);
            return ResponseFuture::opened(readied, request, entry);
        }
        let (opening, draft_price) = opening(&attempt, &request, &self.tables);
        let charge_rules =
            ProviderChargeRules::of_provider(&self.tables.charge_rules, opening.provider.as_ref());
        attempt.set_price(opening.price, draft_price, charge_rules);
        let (entry, opened) = self.ledger.open(&attempt, opening);
        ResponseFuture::new(opened, readied, request, entry)
    }
}

/// The attempt of a request. A handle that has ended is left over from an earlier try, by somebody who
/// sends clones without knowing of handles: this is then an operation of its own.
fn enter<B>(request: &mut Request<B>) -> Attempt {
    let extensions = request.extensions_mut();
    if extensions
        .get::<Attempt>()
        .is_some_and(|attempt| attempt.outcome_now().is_some())
    {
        extensions.remove::<Attempt>();
    }
    // Whoever made the handle: an entry always sees to it that the attempt ends.
    Attempt::enter(extensions).0
}

/// What the entry of an attempt opens with, and what each of its drafts costs besides.
fn opening<B>(
    attempt: &Attempt,
    request: &Request<B>,
    tables: &Tables,
) -> (Opening, Option<Money>) {
    let (extensions, uri) = (request.extensions(), request.uri());
    let unknown = Workload::default();
    let workload = extensions.get().unwrap_or(&unknown);
    let provider = Provider::of(extensions, uri);
    let name = provider.as_deref().unwrap_or_default();
    let price = tables.prices.price(name, workload);
    let draft_price = tables.prices.draft_price(name, workload);
    let opening = Opening {
        idempotency_key: idempotency_key(attempt, request),
        provider,
        model: workload.model.clone(),
        resolution: workload.resolution,
        images: workload.images,
        price,
        host: uri.host().map(Arc::from),
        path: uri.path().into(),
        operation: attempt.operation(),
        attempt: attempt.number(),
        opened_at: wall_clock(),
    };
    (opening, draft_price)
}

/// The retry layer's, else the caller's own.
///
/// A key that its caller marked as sensitive stays out of the books: it may be derived from something private.
fn idempotency_key<B>(attempt: &Attempt, request: &Request<B>) -> Option<Arc<str>> {
    const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
    let key = attempt
        .idempotency_key()
        .or_else(|| request.headers().get(IDEMPOTENCY_KEY))?;
    let text = (!key.is_sensitive()).then_some(key)?.to_str().ok()?;
    Some(text.into())
}
