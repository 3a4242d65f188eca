//! What an answer says, noted while it passes: never the picture, the prompt or a key.
//!
//! One watcher for short bodies, long ones and event streams. It keeps a few short values and counts, and
//! skips everything else in strides, base64 above all.

mod events;
mod json;
mod keys;
mod notes;
mod picture_file;
mod provider_error;
#[cfg(test)]
mod tests;
mod ticket;
mod wording;

use http::{
    HeaderMap, HeaderValue, Version,
    header::{CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING},
    response::Parts,
};

use crate::{
    body::behind_mark,
    model::{Evidence, Workload},
};

pub(super) use self::keys::AnswerKey;
pub use self::provider_error::ProviderError;
use self::{events::EventLines, json::JsonWatcher, picture_file::PictureFile};

/// What is known of an answer: from its head, and from as much of its body as was seen.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
/// use longhaul::classify::{AnswerFacts, BodyKind};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
/// let body = br#"{"error": {"code": "insufficient_quota", "message": "top up"}}"#;
/// let facts = AnswerFacts::read(&headers, body, true);
/// assert_eq!((facts.kind, facts.json, facts.evidence.images), (BodyKind::Json, true, 0));
/// assert_eq!(facts.error.unwrap().code(), Some("insufficient_quota"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct AnswerFacts {
    /// What a ledger may keep: ids, counts, reasons.
    pub evidence: Evidence,
    /// The error object, where there is one.
    pub error: Option<ProviderError>,
    /// The fields of an error at the root of the document, without an `error` around them: in a success they may also
    /// say that it is one.
    pub(super) root_error: Option<ProviderError>,
    /// What kind of body it is.
    pub kind: BodyKind,
    /// It is a JSON document, whatever its head says, or events that carry some.
    pub json: bool,
    /// The body was seen to its end.
    pub whole: bool,
    /// The provider says itself that it charges nothing.
    ///
    /// By its words for people, such as "You will not be charged", or by a count of credits that is 0.
    pub uncharged: bool,
    /// What it says that it cost is only the fee of the relay that passed it on.
    pub byok: bool,
    /// It holds words for people.
    pub words: bool,
    /// It is a page, for a browser.
    pub page: bool,
    /// It says that the work was taken on, and names an id to collect it by.
    pub accepted: bool,
}

impl AnswerFacts {
    /// What `body` says under these headers; `whole` where nothing follows it.
    ///
    /// For tests of a [`Classifier`](super::Classifier), and for answers that were kept:
    ///
    /// ```
    /// use http::HeaderMap;
    /// use longhaul::classify::AnswerFacts;
    ///
    /// let body = br#"{"data": [{"b64_json": "iVBORw0KGgo="}, {"url": "https://cdn.example.com/1.png"}], "id": "img-1"}"#;
    /// let facts = AnswerFacts::read(&HeaderMap::new(), body, true);
    /// assert_eq!(facts.evidence.images, 2);
    /// assert_eq!(&*facts.evidence.request_ids[0].id, "img-1");
    /// ```
    pub fn read(headers: &HeaderMap, body: &[u8], whole: bool) -> Self {
        let mut watcher = AnswerWatcher::of(headers);
        watcher.data(body);
        watcher.facts(whole)
    }
}

/// What an answer's head says of its body; its first byte, where it is JSON that is called a stream, or a stream that is called
/// JSON.
///
/// It decides how the body is looked into: JSON and events for what they say, text for an intermediary's page, and anything else
/// for whether it is a picture's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum BodyKind {
    /// JSON.
    Json,
    /// A stream of events, as `text/event-stream` is.
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
        if is_encoded(headers) {
            return Self::Encoded;
        }
        let Some(kind) = headers.get(CONTENT_TYPE) else {
            return Self::Other;
        };
        // Nearly always.
        if kind == "application/json" {
            return Self::Json;
        }
        let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
        if kind.contains("json") {
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

/// Whether there is any encoding but `identity`, which is none.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| {
        let codings = value.to_str().unwrap_or("unreadable").split(',');
        codings
            .map(str::trim)
            .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
    })
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.is_some_and(|kind| memchr::memmem::find(&kind.to_ascii_lowercase(), b"html").is_some())
}

/// Watches the body of one answer, in pieces of any size.
#[derive(Debug)]
pub(super) struct AnswerWatcher {
    kind: BodyKind,
    /// It says that it is HTML.
    page: bool,
    /// The status is no success.
    failed: bool,
    /// A picture was asked for.
    recognised: bool,
    /// So many of them.
    pictures: u32,
    /// And no more than that.
    counted: bool,
    /// Only the end of the connection ends it, which may also be a break.
    close_delimited: bool,
    json: JsonWatcher,
    lines: EventLines,
    file: PictureFile,
    /// Something came that is no blank.
    begun: bool,
    bytes: u64,
}

impl AnswerWatcher {
    /// Of a body under these headers, of which nothing else is known.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            kind: BodyKind::of(headers),
            page: is_page(headers),
            failed: false,
            recognised: false,
            pictures: 1,
            counted: false,
            close_delimited: false,
            json: JsonWatcher::default(),
            lines: EventLines::default(),
            file: PictureFile::default(),
            begun: false,
            bytes: 0,
        }
    }

    /// Of an answer to a request for `workload`; `announced` says that it tells where it ends.
    pub(super) fn of_answer(head: &Parts, workload: &Workload, announced: bool) -> Self {
        Self {
            failed: !head.status.is_success(),
            recognised: workload.recognised,
            pictures: workload.images.max(1),
            counted: workload.counted,
            close_delimited: !announced
                && head.version < Version::HTTP_2
                && !head.headers.contains_key(TRANSFER_ENCODING),
            ..Self::of(&head.headers)
        }
    }

    pub(super) fn data(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        let data = match self.kind {
            BodyKind::Json | BodyKind::Events if !self.begun => self.begin(data),
            _ => data,
        };
        match self.kind {
            BodyKind::Encoded => {}
            BodyKind::Events => self.lines.data(data, &mut self.json),
            _ => {
                self.json.data(data);
                if !self.json.is_json() {
                    self.file.data(data);
                }
            }
        }
    }

    /// Relays call streams JSON, and JSON a stream: the first byte tells one from the other. Returned is what stands behind
    /// the blanks.
    fn begin<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let data = behind_mark(data);
        self.begun = !data.is_empty();
        match data.first() {
            Some(b'{' | b'[') => self.kind = BodyKind::Json,
            // A comment, or one of `data`, `event`, `id` and `retry`. No JSON begins so.
            Some(b':' | b'd' | b'e' | b'i' | b'r') => self.kind = BodyKind::Events,
            _ => {}
        }
        data
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether its document has come whole, whatever its connection does now: closed JSON that says how the call ended,
    /// an event stream that says it is done, or the last event of one.
    pub(super) fn is_whole(&self) -> bool {
        match self.kind {
            BodyKind::Encoded => false,
            BodyKind::Events => {
                self.lines.is_done() || self.json.notes().is_last_event_here(self.pictures)
            }
            _ => {
                self.json.is_json()
                    && self.json.is_complete()
                    && (self.failed || self.json.notes().has_last_word())
            }
        }
    }

    /// Whether nothing more is to come, so that the reading may end although the connection stays open: of pictures that
    /// nobody has counted, a further one may.
    pub(super) fn is_over(&self) -> bool {
        let pictures = if self.counted {
            self.pictures
        } else {
            u32::MAX
        };
        match self.kind {
            BodyKind::Events => {
                self.lines.is_done() || self.json.notes().is_last_event_here(pictures)
            }
            _ => self.is_whole(),
        }
    }

    /// Whether nothing of it is missing if its connection breaks now. A picture's file says so itself, and may go on.
    pub(super) fn is_whole_if_broken(&self) -> bool {
        self.is_whole() || self.file.is_ended() == Some(true)
    }

    /// Whether it broke off, now that its connection says it has ended: something in brackets is open, or the end of a
    /// picture's file is missing where any break looks like an end.
    pub(super) fn is_broken_off(&self) -> bool {
        match self.kind {
            BodyKind::Encoded | BodyKind::Events => false,
            BodyKind::Json => !self.json.is_complete(),
            _ if self.json.is_json() => self.recognised && !self.json.is_complete(),
            _ => self.close_delimited && self.file.is_ended() == Some(false),
        }
    }

    /// Whether the first bytes of what was asked for came: no blanks, comments, heartbeats or events about the work.
    pub(super) fn picture_began(&self) -> bool {
        match self.kind {
            BodyKind::Encoded => self.bytes > 0,
            _ if self.json.notes().picture_began() => true,
            BodyKind::Events => !self.recognised && self.lines.is_begun(),
            _ if !self.recognised => self.json.is_begun(),
            BodyKind::Other => self.json.is_begun() && !self.json.is_json(),
            BodyKind::Json | BodyKind::Text => self.file.is_picture(),
        }
    }

    /// What was seen so far.
    pub(super) fn facts(&self, whole: bool) -> AnswerFacts {
        AnswerFacts {
            kind: self.kind,
            json: self.json.is_json(),
            page: self.page,
            whole,
            ..self.json.notes().facts(self.bytes)
        }
    }
}
