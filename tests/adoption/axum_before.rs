use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{StatusCode, Uri};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

type Upstream = Client<HttpConnector, Body>;

pub fn router(url: Uri) -> Router {
    let client: Upstream = Client::builder(TokioExecutor::new()).build_http();
    Router::new()
        .route("/v1/images/generations", post(forward))
        .with_state((client, url))
}

async fn forward(State((client, url)): State<(Upstream, Uri)>, mut request: Request) -> Response {
    let mut parts = url.into_parts();
    parts.path_and_query = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from_parts(parts).expect("a path after an origin");
    match client.request(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
