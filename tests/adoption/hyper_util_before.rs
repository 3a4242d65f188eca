use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{BoxError, ServiceExt};

pub async fn picture(url: &str) -> Result<Bytes, BoxError> {
    let client = Client::builder(TokioExecutor::new());
    let client = client.build_http();

    let request = Request::post(format!("{url}/v1/images/generations"))
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(
            r#"{"prompt": "a cat", "size": "4096x4096"}"#,
        ))?;
    let answer = client.oneshot(request).await?;
    Ok(answer.into_body().collect().await?.to_bytes())
}
