use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use longhaul::{Stack, policy::Policy};
use tower::{BoxError, Layer, ServiceExt};

pub async fn picture(url: &str) -> Result<Bytes, BoxError> {
    let mut client = Client::builder(TokioExecutor::new());
    client.retry_canceled_requests(false);
    let client: Client<_, longhaul::StackRequestBody<Full<Bytes>>> = client.build_http();
    let client = Stack::new(Policy::nano_banana_pro())?.layer(client);

    let request = Request::post(format!("{url}/v1/images/generations"))
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(
            r#"{"prompt": "a cat", "size": "4096x4096"}"#,
        ))?;
    let answer = client.oneshot(request).await?;
    Ok(answer.into_body().collect().await?.to_bytes())
}
