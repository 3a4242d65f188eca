use bytes::Bytes;
use reqwest::Client;
use tower::BoxError;

pub async fn picture(url: &str) -> Result<Bytes, BoxError> {
    let client = Client::builder().http1_only();
    let client = client.build()?;

    let request = client
        .post(format!("{url}/v1/images/generations"))
        .header("content-type", "application/json")
        .body(r#"{"prompt": "a cat", "size": "4096x4096"}"#)
        .build()?;
    let answer = client.execute(request).await?;
    Ok(answer.bytes().await?)
}
