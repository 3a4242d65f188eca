//! The APIs that the provider speaks: what a request asks for, and how answers and refusals are written.

mod gemini;
mod openai;
mod size;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Resolution, picture::Picture};

/// Which API a request is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Dialect {
    /// `POST …/images/generations` in JSON.
    OpenAi,
    /// `POST …/models/{model}:generateContent`.
    Gemini,
}

/// What a request asked the provider to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Work {
    /// The API it was asked in.
    pub dialect: Dialect,
    /// The model's name as the request has it.
    pub model: String,
    /// The class of size.
    pub resolution: Resolution,
    /// The width of each picture in pixels.
    pub width: u32,
    /// The height of each picture in pixels.
    pub height: u32,
    /// How many pictures.
    pub images: u32,
    /// Whether the answer holds links instead of the pictures themselves.
    pub links: bool,
    /// Whether the answer is a stream of events.
    #[serde(default)]
    pub stream: bool,
}

/// Why a request is answered without any work.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    Overloaded,
    Unavailable,
    /// With the wait that belongs into the body, if any.
    RateLimited(Option<Duration>),
    Quota,
    Unauthorized,
    BadRequest(String),
    NotFound,
    Method,
    TooLarge,
    KeyReuse,
    Blocked,
    ServerError,
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
        if path.ends_with("/images/generations") {
            Ok(Self::OpenAi)
        } else if path.ends_with(":generateContent") {
            Ok(Self::Gemini)
        } else if path.contains("/models/") && path.contains(':') {
            Err(Self::Gemini)
        } else {
            Err(Self::OpenAi)
        }
    }

    /// What the request asks for.
    pub(crate) fn read(self, path: &str, body: &[u8]) -> Result<Work, Refusal> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Refusal::BadRequest(format!("the body is not valid JSON: {error}")))?;
        match self {
            Self::OpenAi => openai::read(&body),
            Self::Gemini => gemini::read(path, &body),
        }
    }

    /// The refusal's status and body.
    pub(crate) fn refuse(self, refusal: &Refusal) -> (StatusCode, Value) {
        match self {
            Self::OpenAi => openai::refuse(refusal),
            Self::Gemini => gemini::refuse(refusal),
        }
    }
}

impl Frame<'_> {
    /// A 200 with the pictures inside.
    pub(crate) fn with_pictures(&self, pictures: &[Picture]) -> Vec<Bytes> {
        // The identities stand for the pictures until they are put in, without a copy.
        let marks = pictures.iter().map(Picture::identity);
        let text = match self.work.dialect {
            Dialect::OpenAi if self.work.stream => openai::events(self, "b64_json", marks),
            Dialect::OpenAi => openai::with_pictures(self, marks).to_string(),
            Dialect::Gemini => gemini::with_pictures(self, marks).to_string(),
        };
        let mut text = Bytes::from(text);
        let mut pieces = Vec::new();
        for picture in pictures {
            let mark = picture.identity().as_bytes();
            let Some(at) = text.windows(mark.len()).position(|window| window == mark) else {
                continue;
            };
            pieces.push(text.split_to(at));
            pieces.extend(picture.base64());
            drop(text.split_to(mark.len()));
        }
        pieces.push(text);
        pieces
    }

    /// A 200 with links to the pictures.
    pub(crate) fn with_links(&self, links: &[String]) -> Vec<Bytes> {
        let text = if self.work.stream {
            openai::events(self, "url", links.iter().map(String::as_str))
        } else {
            openai::with_links(self, links).to_string()
        };
        vec![text.into()]
    }

    /// A 200 without a picture; `blocked` when the safety filter took it. A stream ends without its last event.
    pub(crate) fn without_picture(&self, blocked: bool) -> Vec<Bytes> {
        if self.work.stream {
            return Vec::new();
        }
        let text = match self.work.dialect {
            Dialect::OpenAi => openai::with_links(self, &[]),
            Dialect::Gemini => gemini::without_picture(self, blocked),
        };
        vec![text.to_string().into()]
    }
}

/// `google.rpc.RetryInfo`, its delay written as Google does: seconds with a fraction and an `s`.
fn retry_info(wait: Duration) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.RetryInfo",
        "retryDelay": format!("{}s", wait.as_secs_f64()),
    })
}
