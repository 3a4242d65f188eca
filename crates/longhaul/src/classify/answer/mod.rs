//! What an answer says, noted while it passes: never the picture, the prompt or a key.
//!
//! One watcher for short bodies, long ones and event streams. It keeps a few short values and counts, and
//! skips everything else in strides, base64 above all.

mod events;
mod json;
mod keys;
mod notes;
#[cfg(test)]
mod tests;

use crate::model::Evidence;
use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

pub(super) use self::keys::Key;
pub use self::notes::ProviderError;
use self::{events::EventLines, json::JsonWatcher};

/// What is known of an answer: from its head, and from as much of its body as was seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct AnswerFacts {
    /// What a ledger may keep: ids, counts, reasons.
    pub evidence: Evidence,
    /// The error object, where there is one.
    pub error: Option<ProviderError>,
    /// The fields of an error at the root of the document, without an `error` around them: they mean
    /// something only where the status says that it is one.
    pub(super) root_error: Option<ProviderError>,
    /// What kind of body it is.
    pub kind: BodyKind,
    /// It is a JSON document, whatever its head says, or events that carry some.
    pub json: bool,
    /// The body was seen to its end.
    pub whole: bool,
    /// The provider says itself that it charges nothing.
    pub uncharged: bool,
}

impl AnswerFacts {
    /// What `body` says under these headers; `whole` where nothing follows it.
    pub fn read(headers: &HeaderMap, body: &[u8], whole: bool) -> Self {
        let mut watcher = AnswerWatcher::of(headers);
        watcher.data(body);
        watcher.facts(whole)
    }
}

/// What an answer's head says of its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum BodyKind {
    /// JSON, and says so.
    Json,
    /// `text/event-stream`.
    Events,
    /// Any other text.
    Text,
    /// With a `content-encoding`: not ours to unpack.
    Encoded,
    /// Anything else, such as the picture itself.
    #[default]
    Other,
}

impl BodyKind {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(CONTENT_ENCODING) {
            return Self::Encoded;
        }
        let Some(kind) = headers.get(CONTENT_TYPE) else {
            return Self::Other;
        };
        // Nearly always.
        if kind == "application/json" {
            return Self::Json;
        }
        let kind = kind.to_str().unwrap_or_default();
        if kind.as_bytes().windows(4).any(|word| word == b"json") {
            Self::Json
        } else if kind.starts_with("text/event-stream") {
            Self::Events
        } else if kind.starts_with("text/") {
            Self::Text
        } else {
            Self::Other
        }
    }
}

/// Watches the body of one answer, in pieces of any size.
#[derive(Debug)]
pub(super) struct AnswerWatcher {
    kind: BodyKind,
    json: JsonWatcher,
    lines: EventLines,
    bytes: u64,
}

impl AnswerWatcher {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            kind: BodyKind::of(headers),
            json: JsonWatcher::default(),
            lines: EventLines::default(),
            bytes: 0,
        }
    }

    pub(super) fn data(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        match self.kind {
            BodyKind::Encoded => {}
            BodyKind::Events => self.lines.data(data, &mut self.json),
            _ => self.json.data(data),
        }
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it broke off: something in brackets is open, of an answer that says it is JSON.
    pub(super) fn is_broken_off(&self) -> bool {
        self.kind == BodyKind::Json && !self.json.is_complete()
    }

    /// What was seen so far.
    pub(super) fn facts(&self, whole: bool) -> AnswerFacts {
        AnswerFacts {
            kind: self.kind,
            json: self.json.is_json(),
            whole,
            ..self.json.facts(self.bytes)
        }
    }
}
