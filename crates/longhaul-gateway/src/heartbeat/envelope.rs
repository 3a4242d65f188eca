//! An answer whose status can no longer be told, told in the body.
//!
//! The head said 200 and JSON, or an event stream. A provider's error is told in the words that it came in, with its
//! status inside; what is no error object of the caller's dialect becomes one. Good JSON under another content type
//! is handed on as JSON: relays call it many names, and a picture that is paid for is not thrown away for a header.
//!
//! Collected are at most 64 KiB, or 64 MiB where it may be a picture: all else is cut, and named by its first 2,000
//! characters.
//!
//! Tests: `an_error_after_the_first_sign_of_life_is_told_in_the_body`,
//! `json_behind_a_beat_is_json_whatever_it_is_called`.

use http::{HeaderMap, StatusCode, header, response::Parts};
use longhaul::body::behind_mark;
use serde_json::Value;

use super::line::Line;
use crate::{core::Error, dialect::Dialect, refusal::Refusal};

/// What of an answer is kept to be told: every error of a provider fits.
const MOST: usize = 64 * 1024;
/// The same of a good answer that is JSON: every picture fits.
const MOST_JSON: usize = 64 << 20;
/// What of an answer that is no JSON is told.
const TEXT: usize = 2000;

/// What kind of answer a head announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Json,
    Stream,
    /// Compressed, or neither.
    Opaque,
}

/// By its headers alone: nothing of the body has come.
pub(super) fn kind(headers: &HeaderMap) -> Kind {
    let text = |name| {
        let value: Option<&http::HeaderValue> = headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let encoding = text(header::CONTENT_ENCODING);
    if !matches!(encoding.as_str(), "" | "identity") {
        return Kind::Opaque;
    }
    let content = text(header::CONTENT_TYPE);
    if content.starts_with("text/event-stream") {
        Kind::Stream
    } else if content.contains("json") {
        Kind::Json
    } else {
        Kind::Opaque
    }
}

/// Collects an answer that does not fit behind a head of 200.
#[derive(Debug)]
pub(super) struct Envelope {
    dialect: Dialect,
    stream: bool,
    status: StatusCode,
    encoded: bool,
    collected: Vec<u8>,
    too_long: bool,
    most: usize,
}

impl Envelope {
    pub(super) fn new(head: &Parts, kind: Kind, line: &Line) -> Self {
        let encoded = head.headers.contains_key(header::CONTENT_ENCODING);
        // Relays call JSON by many names; what is none is found out by its first byte.
        let may_be_json = head.status.is_success() && kind != Kind::Stream && !encoded;
        Self {
            dialect: line.dialect,
            stream: line.stream,
            status: head.status,
            encoded,
            collected: Vec::new(),
            too_long: false,
            most: if may_be_json { MOST_JSON } else { MOST },
        }
    }

    /// What is no JSON by its first byte is kept as an error is, whatever its status.
    pub(super) fn push(&mut self, data: &[u8]) {
        let begin = behind_mark(&self.collected).first();
        let first = begin.or_else(|| behind_mark(data).first());
        if first.is_some_and(|byte| !matches!(byte, b'{' | b'[')) {
            self.most = MOST;
        }
        let room = self.most.saturating_sub(self.collected.len());
        self.too_long |= data.len() > room;
        self.collected
            .extend_from_slice(&data[..data.len().min(room)]);
    }

    /// The whole body behind the blanks; in an event stream, one event.
    pub(super) fn write(&mut self) -> Vec<u8> {
        if self.status.is_success() && self.is_json() {
            let mut whole = std::mem::take(&mut self.collected);
            // Behind the blanks that kept the line open, a byte order mark would break the document.
            whole.drain(..whole.len() - behind_mark(&whole).len());
            if !self.stream {
                return whole;
            }
            // Line ends stand between the values of a JSON document alone, and would end the event.
            whole.retain(|byte| !matches!(byte, b'\n' | b'\r'));
            return [&b"data: "[..], &whole, b"\n\n"].concat();
        }
        let json = (!self.too_long && !self.status.is_success())
            .then(|| serde_json::from_slice::<Value>(behind_mark(&self.collected)).ok())
            .flatten();
        match json {
            Some(mut body) if body["error"].is_object() => {
                if self.dialect == Dialect::OpenAi {
                    body["error"]["status"] = self.status.as_u16().into();
                }
                framed(body.to_string(), self.stream)
            }
            _ => {
                let text = String::from_utf8_lossy(&self.collected);
                let text: String = text.chars().take(TEXT).collect();
                let message = match self.encoded {
                    true => "the provider sent a compressed answer although it was asked not to; where answers are kept, collect it by its operation".to_owned(),
                    false => format!("the upstream answered {}: {text}", self.status),
                };
                let status = match self.status.is_success() {
                    true => StatusCode::BAD_GATEWAY,
                    false => self.status,
                };
                let refusal = Refusal::new(status, "upstream_answer", message);
                Self::of_refusal(self.dialect, self.stream, &refusal)
            }
        }
    }

    fn is_json(&self) -> bool {
        let document = behind_mark(&self.collected);
        !self.too_long && serde_json::from_slice::<serde::de::IgnoredAny>(document).is_ok()
    }

    /// What was collected before the break is left out: half an error says less than why it broke.
    pub(super) fn write_broken(&self, error: &Error) -> Vec<u8> {
        let refusal = Refusal::of_error(error, self.dialect);
        Self::of_refusal(self.dialect, self.stream, &refusal)
    }

    pub(super) fn of_refusal(dialect: Dialect, stream: bool, refusal: &Refusal) -> Vec<u8> {
        let body = String::from_utf8_lossy(&refusal.to_envelope(dialect)).into_owned();
        framed(body.trim_end().to_owned(), stream)
    }
}

/// An error's JSON as it is, or as one event.
fn framed(json: String, stream: bool) -> Vec<u8> {
    match stream {
        false => json.into_bytes(),
        true => format!("event: error\ndata: {json}\n\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(stream: bool, status: StatusCode, pieces: &[&[u8]]) -> String {
        let mut envelope = Envelope {
            dialect: Dialect::OpenAi,
            stream,
            status,
            encoded: false,
            collected: Vec::new(),
            too_long: false,
            most: MOST_JSON,
        };
        for piece in pieces {
            envelope.push(piece);
        }
        String::from_utf8(envelope.write()).unwrap()
    }

    #[test]
    fn json_behind_a_byte_order_mark_is_json_without_it() {
        // More than is kept of what is no JSON.
        let picture = format!(
            "{{\"data\":[{{\"b64_json\":\"{}\"}}]}}",
            "AAAA".repeat(20_000)
        );
        let (mark, rest) = ("\u{feff}".as_bytes(), picture.as_bytes());
        let whole = [mark, rest].concat();
        for pieces in [&[&whole[..]][..], &[&mark[..1], &mark[1..], rest]] {
            assert!(written(false, StatusCode::OK, pieces) == picture);
            let event = written(true, StatusCode::OK, pieces);
            assert!(event == format!("data: {picture}\n\n"));
        }
        let error = [mark, b"{\"error\":{\"message\":\"no\"}}"];
        let told = written(false, StatusCode::BAD_REQUEST, &error);
        assert_eq!(told, "{\"error\":{\"message\":\"no\",\"status\":400}}");
    }
}
