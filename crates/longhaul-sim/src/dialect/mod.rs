//! The APIs that the provider speaks: what a request asks for, and how answers and refusals are written.
//!
//! A dialect is three functions: read, refuse, write. None of them knows faults, time or money. Requests are read as
//! strictly as the real APIs read them where that is known, since a client that sends nonsense has to fail here and not
//! in production.

mod fal;
mod gemini;
mod openai;
pub(crate) mod replicate;
pub(crate) mod responses;
mod size;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Resolution, picture::Picture};

/// Which API a request is written in.
///
/// Told from the path alone, as a real host does. A request to any other path is answered with 404, free of charge.
///
/// ```
/// use longhaul_sim::{Dialect, Provider, Weight};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
/// for (path, body, dialect) in [
///     ("/fal-ai/nano-banana-pro", r#"{ "prompt": "a cat" }"#, Dialect::Fal),
///     ("/v1/responses", r#"{ "input": "a cat", "tools": [{ "type": "image_generation" }] }"#, Dialect::Responses),
/// ] {
///     provider.clone().oneshot(http::Request::post(path).body(body.to_owned())?).await?;
///     assert_eq!(provider.oracle().entries().last().unwrap().work.as_ref().unwrap().dialect, dialect);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Dialect {
    /// `POST …/images/generations` in JSON.
    ///
    /// With `/async` behind it, or `/async/` before it, it is a task of sub2api's or of the relay's.
    OpenAi,
    /// `POST …/models/{model}:generateContent`.
    Gemini,
    /// `POST …/responses` with the tool `image_generation`.
    ///
    /// A request without that tool is refused: this provider makes pictures.
    Responses,
    /// `POST …/predictions`, as Replicate has it.
    Replicate,
    /// `POST …/fal-ai/{model}`, as fal has it.
    Fal,
}

/// What a request asked the provider to make.
///
/// ```
/// use longhaul_sim::{Dialect, Provider, Resolution, Weight};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
/// let body = r#"{ "model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096" }"#.to_owned();
/// provider.clone().oneshot(http::Request::post("/v1/images/generations").body(body)?).await?;
/// let work = provider.oracle().entries()[0].work.clone().unwrap();
/// assert_eq!((work.dialect, work.resolution, work.images), (Dialect::OpenAi, Resolution::K4, 1));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Work {
    /// The API it was asked in.
    pub dialect: Dialect,
    /// The model's name as the request has it.
    ///
    /// Where it names none, `gpt-image-1` or `gpt-5.1`, by its dialect.
    pub model: String,
    /// The class of size.
    pub resolution: Resolution,
    /// The width of each picture in pixels.
    pub width: u32,
    /// The height of each picture in pixels.
    pub height: u32,
    /// How many pictures; each is charged.
    pub images: u32,
    /// Whether the answer holds links instead of the pictures themselves.
    ///
    /// Always at fal and Replicate; in OpenAI's dialect where it is asked for, and not for GPT image models.
    pub links: bool,
}

/// Why a request is answered without any work.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// All of them are free: nothing was begun. This one is 503, and goes away by waiting.
    Overloaded,
    Unavailable,
    /// With the wait that belongs into the body, if any.
    RateLimited(Option<Duration>),
    /// 429 that no waiting brings back today.
    Quota,
    Unauthorized,
    /// With what is wrong, for the caller to read.
    BadRequest(String),
    /// No such path.
    NotFound,
    /// Another method than POST.
    Method,
    /// A body beyond what is read.
    TooLarge,
    /// An idempotency key that came with another request before.
    KeyReuse,
    /// Refused by the safety filter before the work.
    Blocked,
    ServerError,
    /// A parameter that this provider does not know.
    Unsupported(&'static str),
}

/// What stands around the pictures of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) work: &'a Work,
    pub(crate) request_id: &'a str,
    /// Seconds since 1970 on the provider's calendar.
    pub(crate) created: u64,
}

impl Dialect {
    /// The dialect of a path, or how far it is understood: an unknown path is refused in OpenAI's words.
    pub(crate) fn of_path(path: &str) -> Result<Self, Self> {
        if path.ends_with("/images/generations") || path.ends_with("/images/generations/async") {
            Ok(Self::OpenAi)
        } else if path.ends_with("/responses") {
            Ok(Self::Responses)
        } else if path.ends_with("/predictions") {
            Ok(Self::Replicate)
        } else if path.contains("/fal-ai/") {
            Ok(Self::Fal)
        } else if path.ends_with(":generateContent") {
            Ok(Self::Gemini)
        } else if path.contains("/models/") && path.contains(':') {
            Err(Self::Gemini)
        } else {
            Err(Self::OpenAi)
        }
    }

    /// The document that a request carries.
    ///
    /// JSON of any kind; whether it is an object is for the dialect to say.
    pub(crate) fn parse(body: &[u8]) -> Result<Value, Refusal> {
        serde_json::from_slice(body)
            .map_err(|error| Refusal::BadRequest(format!("the body is not valid JSON: {error}")))
    }

    /// What the request asks for.
    pub(crate) fn read(self, path: &str, body: &Value) -> Result<Work, Refusal> {
        match self {
            Self::OpenAi => openai::read(body),
            Self::Gemini => gemini::read(path, body),
            Self::Responses => responses::read(body),
            Self::Replicate => replicate::read(path, body),
            Self::Fal => fal::read(path, body),
        }
    }

    /// The refusal's status and body.
    pub(crate) fn refuse(self, refusal: &Refusal) -> (StatusCode, Value) {
        match self {
            Self::OpenAi | Self::Responses => openai::refuse(refusal),
            Self::Gemini => gemini::refuse(refusal),
            Self::Replicate => replicate::refuse(refusal),
            Self::Fal => fal::refuse(refusal),
        }
    }
}

impl Frame<'_> {
    /// The document of a 200 with the pictures inside, which their identities stand for.
    ///
    /// The identities are replaced by the pictures in [`spliced`], which looks for them as whole strings.
    pub(crate) fn document(&self, pictures: &[Picture]) -> Value {
        let marks = pictures.iter().map(Picture::identity);
        match self.work.dialect {
            Dialect::Gemini => gemini::with_pictures(self, marks),
            Dialect::Responses => responses::with_pictures(self, marks),
            _ => openai::with_pictures(self, marks),
        }
    }

    /// The document of a 200 with links to the pictures.
    pub(crate) fn document_of_links(&self, links: &[String]) -> Value {
        match self.work.dialect {
            Dialect::Fal => fal::with_links(self, links),
            Dialect::Replicate => {
                replicate::prediction(self, &self.request_id[4..], "succeeded", links)
            }
            _ => openai::with_links(self, links),
        }
    }

    /// The document of a 200 without a picture; `blocked` when the safety filter took it.
    pub(crate) fn document_without_picture(&self, blocked: bool) -> Value {
        match self.work.dialect {
            Dialect::Gemini => gemini::without_picture(self, blocked),
            Dialect::Responses => responses::with_pictures(self, std::iter::empty()),
            _ => self.document_of_links(&[]),
        }
    }
}

/// The text with each picture in base64, without a copy, where the whole of a string is its identity.
///
/// A picture whose identity does not stand in the text is left out.
pub(crate) fn spliced(text: String, pictures: &[Picture]) -> Vec<Bytes> {
    let mut text = Bytes::from(text);
    let mut pieces = Vec::new();
    for picture in pictures {
        let mark = format!("\"{}\"", picture.identity());
        let mark = mark.as_bytes();
        let Some(at) = text.windows(mark.len()).position(|window| window == mark) else {
            continue;
        };
        pieces.push(text.split_to(at + 1));
        pieces.extend(picture.base64());
        drop(text.split_to(mark.len() - 2));
    }
    pieces.push(text);
    pieces
}

/// `google.rpc.RetryInfo`, its delay written as Google does: seconds with a fraction and an `s`.
fn retry_info(wait: Duration) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": format!("{}s", wait.as_secs_f64()),
    })
}
