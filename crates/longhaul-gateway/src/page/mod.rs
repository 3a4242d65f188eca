//! A page for people: what runs, what ended and what it cost.
//!
//! Rendered here, without a build step, and nothing is loaded from elsewhere. No prompt and no key is on it, and nobody
//! changes anything with it. A browser fetches the middle of it anew every two seconds.

mod figures;
mod view;

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use http::{HeaderName, HeaderValue, Response, header};
use maud::Markup;

use self::figures::Figures;
use crate::gateway::Gateway;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");
/// Whatever stands in a model's name: nothing from elsewhere is loaded, and no script but ours runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'none'";

/// The page of this gateway, at `/`.
pub(crate) fn router(gateway: &Gateway) -> Router {
    let (whole, middle) = (gateway.clone(), gateway.clone());
    Router::new()
        .route(
            "/",
            get(move || async move { html(view::page(&Figures::of(&whole).await)) }),
        )
        .route(
            "/live",
            get(move || async move { html(view::middle(&Figures::of(&middle).await)) }),
        )
        .route("/style.css", get(async || text("text/css", STYLE)))
        .route("/live.js", get(async || text("text/javascript", SCRIPT)))
}

fn html(page: Markup) -> Response<Body> {
    let mut response = text("text/html; charset=utf-8", page.into_string());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn text(kind: &'static str, text: impl Into<Body>) -> Response<Body> {
    let head: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (head, text.into()).into_response()
}
