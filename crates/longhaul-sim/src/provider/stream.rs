//! Answers as event streams.
//!
//! A stream is a list of [`Stage`]s that is made before its first byte: what is there at once, then for each event a
//! wait with pings in it. Faults take stages out or put an end between them. As at OpenAI the Responses API has
//! keepalives and the images API is silent, unless the provider is told to ping as relays do.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Provider, answer, finish::EPOCH, work::Generation};
use crate::{
    Body, Fault, TaskFailure, Work,
    body::Stage,
    dialect::{Dialect, Frame, responses, spliced},
    oracle::Record,
    picture::Picture,
};

/// How often OpenAI's Responses streams carry their keepalive.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long it takes until the first events come.
pub(super) const FIRST: Duration = Duration::from_secs(4);

/// All that a stream is made of.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) provider: Provider,
    pub(super) record: Record,
    pub(super) request_id: String,
    pub(super) fault: Fault,
    pub(super) work: Work,
    pub(super) generation: Generation,
    /// How many previews come.
    pub(super) partials: u32,
    /// `image_generation` or `image_edit`.
    pub(super) call: &'static str,
}

impl Stream {
    /// The answer. Its first events are there already.
    pub(super) fn answer(self) -> Response<Body> {
        let body = Body::stages(self.stages());
        answer::response(StatusCode::OK, "text/event-stream; charset=utf-8", body)
    }

    /// An idle cut strikes only where the stream is silent for longer than it; what breaks the connection strikes
    /// whatever passes over it.
    fn stages(self) -> Vec<Stage> {
        let clock = self.provider.inner.clock;
        let mut stages = vec![Stage::Data(self.first())];
        match self.fault {
            Fault::Cut { after } | Fault::GatewayTimeout { after }
                if self.longest_silence() > after =>
            {
                let wait = Box::pin(async move {
                    clock.sleep(after).await;
                    Vec::new()
                });
                stages.extend([Stage::wait(None, wait), Stage::Fail]);
                return stages;
            }
            // A connection that breaks does so whatever passes over it.
            Fault::Reset { after } | Fault::GoAway { after } | Fault::RstStream { after } => {
                let beat = self.pings().map(|every| (clock.real(every), self.ping()));
                let wait = Box::pin(async move {
                    clock.sleep(after.saturating_sub(FIRST)).await;
                    Vec::new()
                });
                stages.extend([Stage::wait(beat, wait), Stage::Fail]);
                return stages;
            }
            Fault::StreamStops => {
                stages.push(Stage::Never);
                return stages;
            }
            Fault::StreamOnlyPings { every } => {
                let beat = Some((clock.real(every), self.ping()));
                stages.push(Stage::wait(beat, Box::pin(std::future::pending())));
                return stages;
            }
            _ => {}
        }
        let beat = self.pings().map(|every| (clock.real(every), self.ping()));
        let step = self.step();
        for index in 0..self.partials {
            let stream = self.clone();
            let partial = Box::pin(async move {
                clock.sleep(step).await;
                stream.partial(index)
            });
            stages.push(Stage::wait(beat.clone(), partial));
        }
        let fault = self.fault;
        let last = Box::pin(async move {
            let last = self.last().await;
            match fault {
                Fault::StreamEnds => Vec::new(),
                Fault::Truncated | Fault::TruncatedClose | Fault::Stalled => halved(last),
                _ => last,
            }
        });
        stages.push(Stage::wait(beat, last));
        stages.extend(match fault {
            Fault::Truncated => Some(Stage::Fail),
            Fault::TruncatedClose | Fault::StreamEnds => Some(Stage::Stop),
            Fault::Stalled => Some(Stage::Never),
            _ => None,
        });
        stages
    }

    /// Between two events, pings among them.
    fn longest_silence(&self) -> Duration {
        self.pings()
            .map_or(self.step(), |every| every.min(self.step()))
    }

    /// Between two previews, and between the last one and the picture: the work's time in equal parts.
    fn step(&self) -> Duration {
        self.generation.takes() / (self.partials + 1)
    }

    /// How often something comes that only keeps the line open; `None` where nothing does.
    fn pings(&self) -> Option<Duration> {
        match self.work.dialect {
            Dialect::Responses => Some(KEEPALIVE),
            _ => self.provider.inner.settings.pings,
        }
    }

    /// What comes then, in the dialect's form.
    fn ping(&self) -> Bytes {
        match self.work.dialect {
            Dialect::Responses => Bytes::from(event("keepalive", json!({ "sequence_number": 7 }))),
            _ => Bytes::from_static(b": keepalive\n\n"),
        }
    }

    /// What the documents in the events say around the picture, now.
    fn frame(&self) -> Frame<'_> {
        Frame {
            work: &self.work,
            request_id: &self.request_id,
            created: EPOCH + self.provider.inner.clock.now().as_secs(),
        }
    }

    /// The events that come at once.
    fn first(&self) -> Vec<Bytes> {
        if self.work.dialect != Dialect::Responses {
            // A head alone: the images API says nothing until there is a picture.
            return Vec::new();
        }
        let id = responses::id(&self.request_id);
        let response = responses::response(&self.frame(), &id, "in_progress", Vec::new());
        let about = json!({ "item_id": "ig_0", "output_index": 0 });
        [
            event("response.created", json!({ "response": response })),
            event("response.in_progress", json!({ "response": response })),
            event(
                "response.output_item.added",
                json!({ "output_index": 0, "item": { "type": "image_generation_call" } }),
            ),
            event("response.image_generation_call.in_progress", about.clone()),
            event("response.image_generation_call.generating", about),
        ]
        .map(Bytes::from)
        .to_vec()
    }

    /// A preview of a few bytes; it is counted in the entry, since a provider charges for each.
    fn partial(&self, index: u32) -> Vec<Bytes> {
        let preview = "cHJldmlldw==";
        let text = match self.work.dialect {
            Dialect::Responses => event(
                "response.image_generation_call.partial_image",
                json!({ "partial_image_index": index, "partial_image_b64": preview }),
            ),
            _ => event(
                &format!("{}.partial_image", self.call),
                json!({ "partial_image_index": index, "b64_json": preview }),
            ),
        };
        self.record.update(|entry| entry.partials += 1);
        vec![text.into()]
    }

    /// The events at the end, once the work is done: the pictures, or how it failed.
    async fn last(self) -> Vec<Bytes> {
        let pictures = self.generation.clone().pictures().await;
        match self.fault {
            Fault::TaskFailed { failure } => return self.failed(failure),
            Fault::Blocked => return self.failed(TaskFailure::Policy),
            _ => {}
        }
        self.record.belong(&pictures);
        match self.work.dialect {
            Dialect::Responses => self.response(&pictures),
            _ => self.images(&pictures),
        }
    }

    /// The picture comes twice: as an item of its own, and in the whole response.
    fn response(&self, pictures: &Arc<[Picture]>) -> Vec<Bytes> {
        let frame = self.frame();
        let mut pieces = Vec::new();
        for (index, picture) in pictures.iter().enumerate() {
            let item = responses::item(&frame, picture.identity());
            let done = json!({ "output_index": index, "item": item });
            let text = event("response.output_item.done", done);
            pieces.extend(spliced(text, std::slice::from_ref(picture)));
        }
        let document = if pictures.is_empty() {
            frame.document_without_picture(false)
        } else {
            frame.document(pictures)
        };
        let text = event("response.completed", json!({ "response": document }));
        pieces.extend(spliced(text, pictures));
        pieces
    }

    /// One event for each picture.
    fn images(&self, pictures: &Arc<[Picture]>) -> Vec<Bytes> {
        let frame = self.frame();
        let mut pieces = Vec::new();
        for picture in pictures.iter() {
            let alone = std::slice::from_ref(picture);
            let mut document = frame.document(alone);
            let completed = json!({
                "b64_json": document["data"][0]["b64_json"].take(),
                "created_at": document["created"].take(),
                "size": document["size"].take(),
                "quality": "high",
                "background": "opaque",
                "output_format": "png",
                "usage": document["usage"].take(),
            });
            let text = event(&format!("{}.completed", self.call), completed);
            pieces.extend(spliced(text, alone));
        }
        pieces
    }

    /// The last event of a work that failed, in the dialect's form.
    fn failed(&self, failure: TaskFailure) -> Vec<Bytes> {
        let error = json!({
            "code": failure.code(), "type": failure.code(), "message": format!("It failed: {failure}."),
        });
        let text = match self.work.dialect {
            Dialect::Responses => {
                let id = responses::id(&self.request_id);
                let (word, kind) = match failure {
                    TaskFailure::Filtered | TaskFailure::CutShort => {
                        ("incomplete", "response.incomplete")
                    }
                    _ => ("failed", "response.failed"),
                };
                let mut response = responses::response(&self.frame(), &id, word, Vec::new());
                if word == "incomplete" {
                    response["incomplete_details"] = json!({ "reason": failure.code() });
                } else {
                    response["error"] = error;
                }
                event(kind, json!({ "response": response }))
            }
            _ => event("error", json!({ "error": error })),
        };
        vec![text.into()]
    }
}

/// One event, its type in its name and in its data.
fn event(kind: &str, mut data: Value) -> String {
    data["type"] = json!(kind);
    format!("event: {kind}\ndata: {data}\n\n")
}

/// The first half of the bytes.
fn halved(pieces: Vec<Bytes>) -> Vec<Bytes> {
    let mut keep = pieces.iter().map(Bytes::len).sum::<usize>() / 2;
    let mut kept = Vec::new();
    for mut piece in pieces {
        piece.truncate(keep);
        keep -= piece.len();
        kept.push(piece);
    }
    kept
}
