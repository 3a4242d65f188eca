//! The unary answer, from the events of a stream.
//!
//! The last event of a stream holds the whole unary answer (Responses), or a picture and what belongs to it (images
//! API); so putting together means cutting a slice out of one event, or writing an object around slices of several. No
//! picture is copied or decoded. The test `a_picture_of_40_mb_is_handed_on_as_a_part_of_its_event` keeps it.
//!
//! An event is known by the `type` within its data, and by its `event:` line only where it has none: OpenAI sends both,
//! relays drop either.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, value::RawValue};

use super::{events::Event, policy::Api, report::StreamReport};
use crate::{
    json,
    tasks::{
        Dialect,
        answer::{self, Unary},
        codes,
        told::Told,
    },
};

/// The answer: its status, and its document in pieces.
#[derive(Debug, PartialEq)]
pub(super) struct Finished {
    pub(super) status: StatusCode,
    pub(super) pieces: Vec<Bytes>,
}

/// Takes events until the answer is there.
///
/// What it holds is one slice for each picture that came, and the numbers of the report.
#[derive(Debug)]
pub(super) struct Assembly {
    api: Api,
    /// How many pictures the request asked for; the answer is complete when so many have come. Where that is not known, the
    /// stream's end says it.
    images: Option<usize>,
    /// The events of finished pictures, of the images API alone.
    completed: Vec<Bytes>,
    pub(super) report: StreamReport,
}

/// The events whose data is part of an answer; partial images, keepalives and second copies of a picture are not.
///
/// `message` is the name of an event that says none. Names that are added to either API later are not kept, and so
/// cannot end a stream by mistake.
pub(super) fn wanted(name: &[u8]) -> bool {
    matches!(
        name,
        b"response.completed"
            | b"response.incomplete"
            | b"response.failed"
            | b"image_generation.completed"
            | b"image_edit.completed"
            | b"error"
            | b"message"
    )
}

impl Assembly {
    /// A request for no picture at all is taken as one for one: the answer decides what came.
    pub(super) fn new(api: Api, images: impl Into<Option<usize>>) -> Self {
        Self {
            api,
            images: images.into().map(|images| images.max(1)),
            completed: Vec::new(),
            report: StreamReport::default(),
        }
    }

    /// Takes an event; `Some` where it was the last that is needed.
    ///
    /// Events of the other API are counted and nothing else; an error ends either. An event without a `type` and with
    /// an `error` is an error, as relays send it.
    pub(super) fn take(&mut self, event: &Event) -> Option<Finished> {
        let (name, data) = match event {
            Event::Comment => {
                self.report.pings += 1;
                return None;
            }
            Event::Passed { name } => {
                self.count(name);
                return None;
            }
            Event::Data { name, data } => (name, data),
            Event::TooLong => return None,
        };
        let Some(document) = json::document(data) else {
            self.report.events += 1;
            // The transport may stay open behind it.
            let is_end = data.trim_ascii() == b"[DONE]";
            return if is_end { self.ended() } else { None };
        };
        let told = json::field(document, "type").and_then(json::text);
        let kind = told.as_deref().unwrap_or(name);
        self.count(kind);
        match (self.api, kind) {
            (Api::Responses, "response.completed") => {
                let response = json::field(document, "response")?;
                Some(Finished {
                    status: StatusCode::OK,
                    pieces: vec![data.slice_ref(response.get().as_bytes())],
                })
            }
            (Api::Responses, "response.incomplete") => of_response(document, data, &Told::CutShort),
            (Api::Responses, "response.failed") => of_response(document, data, &Told::Failed),
            (Api::Images, "image_generation.completed" | "image_edit.completed") => {
                self.completed.push(data.clone());
                let all = self.images.is_some_and(|all| self.completed.len() >= all);
                all.then(|| self.images())
            }
            (_, "error") => Some(of_error(document, data)),
            _ if told.is_none() && json::field(document, "error").is_some() => {
                Some(of_error(document, data))
            }
            _ => None,
        }
    }

    /// The stream has ended, by its word or its transport: fewer pictures than were asked for are an answer all the same.
    ///
    /// `None` where no picture came: the stream broke a promise, whatever the transport says. A Responses stream is
    /// never an answer without its final event.
    pub(super) fn ended(&mut self) -> Option<Finished> {
        (!self.completed.is_empty()).then(|| self.images())
    }

    /// Counts an event as a ping or as something that happened, and a draft as both an event and a draft.
    fn count(&mut self, kind: &str) {
        match kind {
            "keepalive" | "ping" => self.report.pings += 1,
            _ => self.report.events += 1,
        }
        if kind.ends_with(".partial_image") {
            self.report.partial_images += 1;
        }
    }

    /// `{"created": …, …, "data": [{"b64_json": …}], "usage": …}`, the pictures as they came.
    ///
    /// Fields of the answer that are the same for all pictures are those of the first event. `usage` is added up over
    /// the pictures, since each event tells its own. A picture whose event has neither base64 nor link is an empty
    /// object, so that the numbers of the pictures stay as they were.
    fn images(&self) -> Finished {
        let documents: Vec<_> = self
            .completed
            .iter()
            .filter_map(|data| Some((data, json::document(data)?)))
            .collect();
        let mut head = String::from("{");
        if let Some((_, first)) = documents.first() {
            for (name, from) in [
                ("created", "created_at"),
                ("background", "background"),
                ("output_format", "output_format"),
                ("quality", "quality"),
                ("size", "size"),
            ] {
                if let Some(value) = json::field(first, from) {
                    head += &format!("\"{name}\":{},", value.get());
                }
            }
        }
        head += "\"data\":[";
        let mut pieces = vec![Bytes::from(head)];
        for (index, (data, document)) in documents.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let found = ["b64_json", "url"]
                .into_iter()
                .find_map(|name| Some((name, json::field(document, name)?)));
            match found {
                Some((name, picture)) => {
                    pieces.push(format!("{comma}{{\"{name}\":").into());
                    pieces.push(data.slice_ref(picture.get().as_bytes()));
                    pieces.push(Bytes::from_static(b"}"));
                }
                None => pieces.push(format!("{comma}{{}}").into()),
            }
        }
        let usages: Vec<_> = documents
            .iter()
            .filter_map(|(_, document)| json::field(document, "usage"))
            .collect();
        let tail = match &usages[..] {
            [] => "]}".to_owned(),
            [one] => format!("],\"usage\":{}}}", one.get()),
            several => format!("],\"usage\":{}}}", sum(several)),
        };
        pieces.push(tail.into());
        Finished {
            status: StatusCode::OK,
            pieces,
        }
    }
}

/// A response that failed or ended early, as the unary call would have told it.
///
/// The status is that of a task of the dialect `openai-responses` that failed in the same words: both forms of one API
/// end alike.
fn of_response(document: &RawValue, data: &Bytes, how: &Told) -> Option<Finished> {
    let response = json::field(document, "response")?;
    let body = data.slice_ref(response.get().as_bytes());
    let row = Dialect::shipped()
        .iter()
        .find(|row| row.name() == "openai-responses")?;
    let Unary { status, body, .. } = answer::failed(row, how, &body);
    Some(Finished {
        status,
        pieces: vec![body],
    })
}

/// An error event: its own status where it has one, else by its code.
///
/// 502 where neither is known: the peer broke off an answer that it had begun with 200, and whose fault that is it did
/// not say.
fn of_error(document: &RawValue, data: &Bytes) -> Finished {
    let error = json::field(document, "error").filter(|error| error.get().starts_with('{'));
    let inside = error.unwrap_or(document);
    let word = |name| json::field(inside, name).and_then(json::text);
    let own = ["http_code", "status", "status_code"]
        .into_iter()
        .find_map(word);
    let own = own.and_then(|status| StatusCode::from_u16(status.parse().ok()?).ok());
    let own = own.filter(|status| status.is_client_error() || status.is_server_error());
    let by_code = || {
        let mut words = ["code", "type"].into_iter().filter_map(word);
        words.find_map(|code| codes::known(Some(&code)))
    };
    let status = own.or_else(by_code).unwrap_or(StatusCode::BAD_GATEWAY);
    let pieces = match error {
        Some(error) => vec![
            Bytes::from_static(b"{\"error\":"),
            data.slice_ref(error.get().as_bytes()),
            Bytes::from_static(b"}"),
        ],
        // The event itself is the error object, as in Responses streams.
        None => vec![
            Bytes::from_static(b"{\"error\":"),
            data.clone(),
            Bytes::from_static(b"}"),
        ],
    };
    Finished { status, pieces }
}

/// Adds up the numbers of several `usage` objects, at every depth.
fn sum(usages: &[&RawValue]) -> Value {
    let parsed = usages
        .iter()
        .filter_map(|usage| serde_json::from_str(usage.get()).ok());
    parsed.fold(Value::Null, added)
}

/// Two values of `usage` as one. Objects are joined name by name; of texts, flags and numbers that cannot be added the
/// second stays.
fn added(one: Value, two: Value) -> Value {
    match (one, two) {
        (Value::Null, other) | (other, Value::Null) => other,
        (Value::Object(one), Value::Object(two)) => {
            let mut all: Map<String, Value> = one;
            for (name, value) in two {
                let before = all.remove(&name).unwrap_or_default();
                all.insert(name, added(before, value));
            }
            Value::Object(all)
        }
        (Value::Number(one), Value::Number(two)) => {
            let sum = one
                .as_u64()
                .zip(two.as_u64())
                .and_then(|(one, two)| one.checked_add(two));
            sum.map_or(Value::Number(two), Value::from)
        }
        (_, two) => two,
    }
}

#[cfg(test)]
mod tests;
