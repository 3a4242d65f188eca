//! A page for people: what runs, what ended and what it cost.
//!
//! Rendered here, without a build step, and nothing is loaded from elsewhere. No prompt and no key is on it, and nobody
//! changes anything with it. A browser fetches the middle of it anew every two seconds.
//!
//! Two pages with the same parts: that of a gateway, which knows what runs, and that of a ledger alone. Both only
//! read. What callers write (models, names, paths) is escaped by `maud`, and the content security policy lets no
//! script but the page's own run, should that ever fail.
//!
//! A ledger that does not answer takes its section from the page, with the reason in its place; the rest is shown.
//!
//! Tests: `callers_see_no_page_and_the_page_takes_no_calls`, `an_operation_is_shown_in_all_its_attempts`,
//! `the_page_shows_a_call_its_end_and_its_money`.

mod attempts;
mod claims;
mod figures;
mod layout;
mod reader;
mod table;
mod view;

use axum::{Router, body::Body, extract::Path, response::IntoResponse, routing::get};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use longhaul::OperationId;
use longhaul_ledger::Store;
use maud::{Markup, html};

use self::{figures::Shown, layout::document, reader::Reader};
use crate::gateway::Gateway;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");
/// Whatever stands in a model's name: nothing from elsewhere is loaded, and no script but ours runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'none'";

/// The page of this gateway, at `/`.
pub(crate) fn router(gateway: &Gateway) -> Router {
    let (whole, middle, history) = (gateway.clone(), gateway.clone(), gateway.history().clone());
    let reader = Reader::from(gateway.books());
    let (of_whole, of_middle) = (reader.clone(), reader.clone());
    let known = move |id: &str| history.operation(id);
    Router::new()
        .route(
            "/",
            get(async move || html_page(view::page(&Shown::of(&whole, &of_whole).await))),
        )
        .route(
            "/live",
            get(async move || html_page(view::middle(&Shown::of(&middle, &of_middle).await))),
        )
        .route("/live.js", get(async || text("text/javascript", SCRIPT)))
        .merge(of_ledger(reader, known))
}

/// The page of a ledger that other programs write, at `/`.
pub(crate) fn ledger_router(store: Store) -> Router {
    let reader = Reader::from(store);
    let overview = reader.clone();
    Router::new()
        .route("/", get(async move || html_page(ledger(&overview).await)))
        .merge(of_ledger(reader, |_| None))
}

/// What both have: operations by a public name that is `known`, or by the ledger's own.
///
/// `known` turns the public name of a call that this process remembers into the ledger's id; any other id is read as
/// the ledger's own.
fn of_ledger(
    reader: Reader,
    known: impl Fn(&str) -> Option<OperationId> + Clone + Send + Sync + 'static,
) -> Router {
    let (claims, csv) = (reader.clone(), reader.clone());
    Router::new()
        .route(
            "/operations/{id}",
            get(async move |Path(id): Path<String>| {
                let operation = known(&id).or_else(|| id.parse().ok());
                one(&reader, &id, operation).await
            }),
        )
        .route(
            "/claims",
            get(async move || {
                let content = claims::claims(&claims.claims().await);
                html_page(document("Claims", "", false, &content))
            }),
        )
        .route(
            "/claims.csv",
            get(async move || match csv.claims_csv().await {
                Ok(csv) => text("text/csv; charset=utf-8", csv),
                Err(why) => with(StatusCode::SERVICE_UNAVAILABLE, text("text/plain", why)),
            }),
        )
        .route("/style.css", get(async || text("text/css", STYLE)))
}

async fn ledger(reader: &Reader) -> Markup {
    let (days, last) = (reader.days().await, reader.last().await);
    let content = html! {
        section { h2 { "Money by day" } (view::days(&days)) }
        section { h2 { "Last attempts" } (attempts::last(&last)) }
    };
    document("Longhaul ledger", "", false, &content)
}

/// 404 where nothing of it is known, and why that may be; never an empty page.
async fn one(reader: &Reader, id: &str, operation: Option<OperationId>) -> Response<Body> {
    let records = match operation {
        Some(operation) => reader.operation(operation).await,
        None => Ok(Vec::new()),
    };
    let (status, content) = match &records {
        Ok(records) if records.is_empty() => (
            StatusCode::NOT_FOUND,
            html! { p.none { "No attempt of it is known here: it waits for its turn, attempted nothing, or ended long ago. The \
            ledger's own ids of operations work too." } },
        ),
        Ok(records) => (StatusCode::OK, attempts::operation(records)),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, html! { p.none { (why) } }),
    };
    let title = format!("Operation {id}");
    with(status, html_page(document(&title, "../", false, &content)))
}

fn with(status: StatusCode, mut response: Response<Body>) -> Response<Body> {
    *response.status_mut() = status;
    response
}

/// Never stored: the back button would show the state of an hour ago as that of now.
fn html_page(page: Markup) -> Response<Body> {
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
