//! From the answer to a file.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// Where an answer keeps its picture.
pub(crate) enum Source {
    Bytes(Vec<u8>),
    Link(String),
}

impl Source {
    /// The last picture of an answer: earlier ones are drafts.
    pub(crate) fn find(answer: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(answer)
            .map_err(|error| format!("the answer is no JSON: {error}"))?;
        let openai = json["data"].as_array().into_iter().flatten();
        let gemini = json["candidates"][0]["content"]["parts"]
            .as_array()
            .into_iter()
            .flatten();
        let encoded = openai
            .clone()
            .map(|image| &image["b64_json"])
            .chain(gemini.map(|part| &part["inlineData"]["data"]))
            .filter_map(Value::as_str)
            .next_back();
        if let Some(encoded) = encoded {
            return BASE64_STANDARD
                .decode(encoded)
                .map(Self::Bytes)
                .map_err(|error| format!("the picture is no base64: {error}"));
        }
        openai
            .filter_map(|image| image["url"].as_str())
            .next_back()
            .map(|link| Self::Link(link.to_owned()))
            .ok_or_else(|| "the answer holds no picture".to_owned())
    }
}

/// The picture on disk.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    pub(crate) path: String,
    pub(crate) bytes: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Picture {
    pub(crate) fn write(bytes: &Bytes, path: &Path) -> Result<Self, String> {
        let size = imagesize::blob_size(bytes)
            .map_err(|error| format!("the answer's picture is none: {error}"))?;
        std::fs::write(path, bytes)
            .map_err(|error| format!("--out {}: {error}", path.display()))?;
        Ok(Self {
            path: path.display().to_string(),
            bytes: bytes.len(),
            width: size.width,
            height: size.height,
        })
    }
}
