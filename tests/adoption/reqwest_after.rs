use bytes::Bytes;
use longhaul::{Stack, StackRequestBody, policy::Policy};
use reqwest::{Body, Client, Request, Response, retry};
use tower::{BoxError, Layer, ServiceExt};

pub async fn picture(url: &str) -> Result<Bytes, BoxError> {
    let client = Client::builder().http1_only().retry(retry::never());
    let client = client.build()?;
    let sent = |it: http::Request<StackRequestBody<Body>>| Request::try_from(it.map(Body::wrap));
    let below = client.clone().map_request(move |it| sent(it).expect("URL"));
    let below = below.map_response(http::Response::from);
    let stack = Stack::new(Policy::nano_banana_pro())?.layer(below);

    let request = client
        .post(format!("{url}/v1/images/generations"))
        .header("content-type", "application/json")
        .body(r#"{"prompt": "a cat", "size": "4096x4096"}"#)
        .build()?;
    let answer = stack.oneshot(request.try_into()?).await?.map(Body::wrap);
    Ok(Response::from(answer).bytes().await?)
}
