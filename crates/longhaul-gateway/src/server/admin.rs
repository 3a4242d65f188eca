//! The other listener: the page, metrics and health.

use axum::{Router, body::Body, routing::get};
use http::{HeaderValue, Request, Response, header};
use longhaul_ledger::Store;
use tower::ServiceExt;

use crate::{gateway::Gateway, page, telemetry::Recorder};

/// What answers at the admin address. Whoever reaches it is trusted.
///
/// For [`Server::serve`](super::Server::serve), on an address of its own: no caller's path leads here, and callers'
/// keys are not asked for. It shows and never changes anything.
///
/// ```
/// use axum::body::Body;
/// use http::Request;
/// use longhaul_gateway::server::Admin;
/// use longhaul_ledger::{DurableLedger, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("ledger.db").display().to_string();
/// let ledger = DurableLedger::open(&*file).await?;
/// let admin = Admin::of_ledger(Store::open(&file.parse()?).await?);
/// let page = admin.answer(Request::get("/").body(Body::empty())?).await;
/// assert!(page.status().is_success());
/// assert_eq!(admin.answer(Request::get("/metrics").body(Body::empty())?).await.status(), 404, "a ledger has none");
/// # ledger.close().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Admin(Router);

impl Admin {
    /// Of this gateway.
    ///
    /// `/`, `/operations/…`, `/claims`, `/claims.csv`; `/metrics` for Prometheus; `/healthz` and `/readyz`.
    pub fn new(gateway: &Gateway, recorder: Recorder) -> Self {
        let (ready, measured) = (gateway.clone(), gateway.clone());
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(move || async move { ready.ready() }))
            .route(
                "/metrics",
                get(move || async move {
                    measured.measure();
                    text(recorder.render())
                }),
            )
            .merge(page::router(gateway));
        Self(router)
    }

    /// The page of a ledger alone, whoever writes it: money, claims and operations.
    ///
    /// The ledger is only read, so that it may be shown while a program writes it.
    pub fn of_ledger(store: Store) -> Self {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .merge(page::ledger_router(store));
        Self(router)
    }

    /// Answers a request.
    ///
    /// 404 for paths that there are none of. A ledger that does not answer is told on the page, or with 503 where
    /// there is no page.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let Ok(answer) = self.0.clone().oneshot(request).await;
        answer
    }
}

/// In the form of Prometheus's text format, which the version in the type names.
fn text(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4"),
    );
    response
}
