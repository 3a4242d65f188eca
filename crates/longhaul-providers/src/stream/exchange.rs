//! One call from its unary request, through a stream, to its unary answer.
//!
//! The stream is asked for with the caller's own request and one or two more fields; the attempt's handle goes with it,
//! so that for the layers around this is one attempt with one answer. Whether the peer streams is decided by the first
//! byte of its answer, because `Content-Type` is wrong in both directions at relays. A refusal that names what was
//! added is no outcome of the attempt: nothing was begun, and the same attempt sends the unary call.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    response::Parts,
};
use longhaul::{Attempt, Deadline, Error, body::behind_mark};
use tokio::time::{Instant, timeout_at};

use super::{
    assemble::{Assembly, Finished, wanted},
    events::Events,
    plan::{StreamPlan, images},
    reading::{Reading, next},
    report::StreamReport,
    service::Shared,
};
use crate::{
    exchange::{Bytewise, Call, Client, JoinedBody, Read, TopFields, Whole, read},
    tasks::{answer, submit},
};

/// The longest refusal that is read to be understood: 64 KiB, in bytes. A longer answer is handed on unread.
const SHORT: usize = 64 * 1024;

/// Every way out is an answer or an error of the attempt; which, is the table of [the module](super). The deadline ends
/// the asking and the reading; a unary call that follows is bounded by the layers above. Dropping the future closes the
/// connection; what was asked for is then in doubt, and the layers above say so.
pub(super) async fn run<S, B, R>(
    mut call: Call<S>,
    body: B,
    plan: StreamPlan,
    shared: Arc<Shared>,
) -> Result<Response<JoinedBody<R>>, Error>
where
    S: Client<B, R> + Clone,
    B: Bytewise,
    R: Bytewise,
{
    let policy = &shared.policy;
    let read = Whole::read(body, policy.longest_request).await;
    let whole = match read.map_err(Error::from_inner)? {
        Ok(whole) => whole,
        Err(body) => return call.pass(body).await,
    };
    let Some(said) = plan.agrees(&whole) else {
        return call.pass(whole.body()).await;
    };
    let extensions = &call.head.extensions;
    let started = Instant::now();
    let deadline = Deadline::of(extensions).unwrap_or(Deadline::after(policy.deadline));
    let reading = Reading {
        attempt: extensions.get().cloned(),
        assembly: Assembly::new(plan.row.api, images(&said)),
        events: Events::new(wanted, policy.longest_event),
        silence: policy.silence,
        started,
        deadline: deadline.instant(),
    };
    let asked = asked(&mut call, &plan, &whole, &said);
    let Ok(asked) = timeout_at(reading.deadline, asked).await else {
        return Err(reading.expired());
    };
    let refused = || shared.refused.note((plan.account, plan.row.api));
    match asked? {
        StreamAnswer::Answer(response) => Ok(response),
        StreamAnswer::Ignored(response) => {
            refused();
            Ok(response)
        }
        StreamAnswer::NotOffered => {
            refused();
            if let Some(attempt) = &reading.attempt {
                attempt.discard_head();
            }
            call.pass(whole.body()).await
        }
        StreamAnswer::Stream(head, begun, rest) => {
            let (finished, report) = reading.until_finished(begun, rest).await?;
            Ok(response(&head, finished, report))
        }
    }
}

/// What the peer made of the request for a stream.
enum StreamAnswer<R> {
    /// A stream: its head, its first bytes, and the rest.
    Stream(Box<Parts>, Bytes, R),
    /// An answer that is handed on as it is, such as a refusal for another reason.
    Answer(Response<JoinedBody<R>>),
    /// The unary answer: the host does not stream.
    Ignored(Response<JoinedBody<R>>),
    /// The peer refused the stream, and has begun nothing.
    NotOffered,
}

/// Asks for the stream; once more where it wants at least one partial image.
///
/// Some peers refuse a stream of `partial_images = 0`, with a message that speaks of “non-zero partial images”. One is
/// asked for then, in the same attempt: the first request was refused before work began. No other refusal is followed
/// by a second question.
async fn asked<S, B, R>(
    call: &mut Call<S>,
    plan: &StreamPlan,
    whole: &Whole,
    said: &TopFields,
) -> Result<StreamAnswer<R>, Error>
where
    S: Client<B, R> + Clone,
    R: Bytewise,
{
    let mut partial_images = plan.row.partial_images;
    loop {
        let fields = plan.fields(partial_images);
        let head = plan.head(call.own_head());
        let response = call.send(head, whole.with(&fields, said.empty)).await?;
        let (head, mut body) = response.into_parts();
        if head.status.is_success() {
            let begun = first(&mut body).await?;
            // Relays call streams JSON, and JSON a stream: the first byte decides.
            let is_json = match behind_mark(&begun).first() {
                Some(byte) => matches!(byte, b'{' | b'['),
                None => !is_events(&head),
            };
            if !is_json {
                return Ok(StreamAnswer::Stream(Box::new(head), begun, body));
            }
            let body = JoinedBody::joined([begun], body);
            return Ok(StreamAnswer::Ignored(Response::from_parts(head, body)));
        }
        let body = match read(body, SHORT, None).await {
            Read::Whole(body) => body,
            Read::Longer(begun, rest) => {
                let body = JoinedBody::joined([begun], rest);
                return Ok(StreamAnswer::Answer(Response::from_parts(head, body)));
            }
            Read::Broken(error) => return Err(Error::from_inner(error)),
        };
        if let 400 | 422 = head.status.as_u16() {
            let text = String::from_utf8_lossy(&body).to_ascii_lowercase();
            if partial_images == 0 && text.contains("non-zero partial images") {
                partial_images = 1;
                if let Some(attempt) = call.head.extensions.get::<Attempt>() {
                    attempt.discard_head();
                }
                continue;
            }
            if submit::names(&body, fields.keys().map(String::as_str), &text) {
                return Ok(StreamAnswer::NotOffered);
            }
        }
        let body = JoinedBody::whole([body]);
        return Ok(StreamAnswer::Answer(Response::from_parts(head, body)));
    }
}

/// Whether the head calls the answer a stream: asked only where the body says nothing, since it is empty or all blanks.
fn is_events(head: &Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"))
}

/// The first piece of a body with anything in it but blanks and a byte order mark; all of it where there is none.
///
/// Blanks are what a gateway's heartbeat sends before the answer. They and the mark decide nothing and are dropped.
async fn first<R>(body: &mut R) -> Result<Bytes, Error>
where
    R: Bytewise,
{
    loop {
        match next(body).await? {
            None => return Ok(Bytes::new()),
            Some(data) if behind_mark(&data).is_empty() => {}
            Some(data) => return Ok(data),
        }
    }
}

/// The unary answer: of the stream's head only ids and what OpenAI says of itself are kept, since length, type and
/// encoding were those of the events. The [`StreamReport`] goes into its extensions.
fn response<R>(head: &Parts, finished: Finished, report: StreamReport) -> Response<JoinedBody<R>> {
    let length: usize = finished.pieces.iter().map(Bytes::len).sum();
    let mut response = Response::new(JoinedBody::whole(finished.pieces));
    *response.status_mut() = finished.status;
    let headers = response.headers_mut();
    *headers = answer::kept(&head.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, length.into());
    response.extensions_mut().insert(report);
    response
}
