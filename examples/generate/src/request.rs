//! The request, in either dialect.

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::Full;
use longhaul::Resolution;
use serde_json::json;

use crate::options::{Dialect, Options};

pub(crate) fn build(
    options: &Options,
    base: &str,
    key: &HeaderValue,
) -> Result<Request<Full<Bytes>>, String> {
    let base = base.trim_end_matches('/');
    let (uri, body) = match options.dialect {
        Dialect::Openai => (
            format!("{base}/v1/images/generations"),
            json!({
                "model": options.model.as_deref().unwrap_or("nano-banana-pro"),
                "prompt": options.prompt,
                "size": options.size,
                "n": 1,
                "response_format": options.response_format.as_str(),
            }),
        ),
        Dialect::Gemini => {
            let model = options.model.as_deref().unwrap_or("gemini-3-pro-image");
            (
                format!("{base}/v1beta/models/{model}:generateContent"),
                json!({
                    "contents": [{ "parts": [{ "text": options.prompt }] }],
                    "generationConfig": {
                        "responseModalities": ["IMAGE"],
                        "imageConfig": image_config(options)?,
                    },
                }),
            )
        }
    };
    let mut request = Request::post(uri)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body.to_string()))
        .map_err(|error| format!("--base-url: {error}"))?;
    let (name, value) = match options.dialect {
        Dialect::Openai => (header::AUTHORIZATION, bearer(key)?),
        Dialect::Gemini => (
            header::HeaderName::from_static("x-goog-api-key"),
            key.clone(),
        ),
    };
    request.headers_mut().insert(name, value);
    Ok(request)
}

fn bearer(key: &HeaderValue) -> Result<HeaderValue, String> {
    let text = [b"Bearer ", key.as_bytes()].concat();
    let mut value = HeaderValue::from_bytes(&text).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Gemini takes a keyword and a ratio instead of pixels.
fn image_config(options: &Options) -> Result<serde_json::Value, String> {
    let keyword = match options.resolution()? {
        Resolution::K1 => "1K",
        Resolution::K2 => "2K",
        Resolution::K4 | Resolution::Unknown => "4K",
    };
    let Some((width, height)) = options.pixels() else {
        return Ok(json!({ "imageSize": keyword }));
    };
    let divisor = greatest_common_divisor(width, height);
    let ratio = format!("{}:{}", width / divisor, height / divisor);
    Ok(json!({ "imageSize": keyword, "aspectRatio": ratio }))
}

const fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
