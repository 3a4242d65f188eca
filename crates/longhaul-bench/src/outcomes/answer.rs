//! Whether an answer holds a picture: asked so often that it is read by the fastest reader there is.
//!
//! Every answer of every caller is judged, at up to hundreds of kilobytes each; the reader (sonic-rs) borrows and
//! skips. It judges for the callers, by what a program could use, and knows nothing of our classes.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::{Deserialize, de::IgnoredAny};

const EVENT_STREAM: &[u8] = b"text/event-stream";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Vec<Picture<'a>>,
}

/// A picture in an answer, or the last event of one in a stream
#[derive(Deserialize)]
struct Picture<'a> {
    b64_json: &'a str,
}

/// Whether the caller has what it asked for.
pub(super) fn has_picture(answer: &Response<Bytes>) -> bool {
    let there = |picture: &Picture<'_>| !picture.b64_json.is_empty();
    if answer.status() != StatusCode::OK {
        return false;
    }
    if is_stream(answer) {
        let mut events = events(answer.body());
        return events.any(|data| sonic_rs::from_slice(data).is_ok_and(|event| there(&event)));
    }
    sonic_rs::from_slice(answer.body())
        .is_ok_and(|answer: Answer<'_>| answer.data.iter().any(there))
}

/// Whether a program that reads JSON, or a stream of it, can read the answer.
pub(super) fn is_json(answer: &Response<Bytes>) -> bool {
    let readable = |text| sonic_rs::from_slice::<IgnoredAny>(text).is_ok();
    if is_stream(answer) {
        events(answer.body()).all(readable)
    } else {
        readable(answer.body())
    }
}

fn is_stream(answer: &Response<Bytes>) -> bool {
    let content_type = answer.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(EVENT_STREAM))
}

/// The data of each event of a stream.
fn events(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = body.split(|byte| *byte == b'\n');
    lines.filter_map(|line| line.strip_prefix(b"data: "))
}
