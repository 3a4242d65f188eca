use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{StatusCode, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use longhaul::{BoxedStack, Stack, policy::Policy};
use tower::ServiceExt;

type Upstream = BoxedStack<Body>;

pub fn router(url: Uri) -> Router {
    let mut client = Client::builder(TokioExecutor::new());
    let client = client.retry_canceled_requests(false).build_http();
    let client = Stack::new(Policy::nano_banana_pro())
        .expect("a policy that works")
        .boxed(client);
    Router::new()
        .route("/v1/images/generations", post(forward))
        .with_state((client, url))
}

async fn forward(State((client, url)): State<(Upstream, Uri)>, mut request: Request) -> Response {
    let mut parts = url.into_parts();
    parts.path_and_query = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from_parts(parts).expect("a path after an origin");
    match client.oneshot(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
