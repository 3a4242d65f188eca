//! The other listener: the page, metrics and health.

use axum::{Router, body::Body, routing::get};
use http::{HeaderValue, Request, Response, header};
use longhaul_ledger::Store;
use tower::ServiceExt;

use crate::{gateway::Gateway, page, telemetry::Recorder};

/// What answers at the admin address. Whoever reaches it is trusted.
#[derive(Clone, Debug)]
pub struct Admin(Router);

impl Admin {
    /// Of this gateway.
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
    pub fn of_ledger(store: Store) -> Self {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .merge(page::ledger_router(store));
        Self(router)
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let Ok(answer) = self.0.clone().oneshot(request).await;
        answer
    }
}

fn text(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4"),
    );
    response
}
