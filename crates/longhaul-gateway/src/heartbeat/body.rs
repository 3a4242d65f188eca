//! Where a sign of life may stand is the whole difficulty. In front of JSON: any number of blanks, until the first
//! byte that is none. In an event stream: a comment between two events, never within one, and an event's end may come
//! in two pieces. In everything else: nowhere.
//!
//! After the first sign of life the head is out. What comes then must be readable behind it: an answer of the same
//! kind passes, a failure or an answer of another kind is collected and told as an error of the caller's dialect
//! (`envelope.rs`).
//!
//! Tests: `comments_stand_between_events_and_never_within_one`, `an_event_may_end_in_two_pieces`,
//! `blanks_stand_before_json_and_never_within_it`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, header};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{
    envelope::{Envelope, Kind, kind},
    line::Line,
};
use crate::{
    core::{BoxError, Error},
    refusal::Refusal,
};

/// The answer's body, with signs of life in front of it or between its events.
///
/// It has a length only where it has the answer as it came. An error of the inner body stays one while the answer
/// passes, and is told in the body where the answer is wrapped.
///
/// Dropped, it drops the call or the answer: the caller has left.
pub struct ResponseBody<F, B> {
    state: State<F, B>,
}

enum State<F, B> {
    /// The head has gone out, and there is no answer yet.
    Waiting {
        inner: Pin<Box<F>>,
        line: Line,
        quiet: Option<Pin<Box<Sleep>>>,
    },
    /// The head is the provider's, or ours and the answer fits it.
    Passing {
        body: B,
        /// `None` where nothing may be put in.
        beats: Option<Beats>,
    },
    /// An answer that does not fit behind the head, collected to be told in its words.
    Wrapping { body: B, envelope: Envelope },
    /// The gateway's own words, once.
    Own(Option<Bytes>),
}

const BLANK_LINE: &[u8; 4] = b"\r\n\r\n";

/// Where signs of life may stand in an answer that has begun.
struct Beats {
    line: Line,
    stream: bool,
    /// The last bytes that passed: a blank line ends an event, also one that comes in two pieces.
    last: [u8; 4],
    /// Whether anything but white space has passed: JSON has begun, and takes no further blank.
    begun: bool,
    /// Made at the first pending poll after each piece, so that the time runs from the last byte.
    quiet: Option<Pin<Box<Sleep>>>,
}

impl<F, B> ResponseBody<F, B> {
    /// The head goes out now; the call goes on in here.
    pub(super) const fn wait(inner: Pin<Box<F>>, line: Line) -> Self {
        Self {
            state: State::Waiting {
                inner,
                line,
                quiet: None,
            },
        }
    }

    pub(super) fn own(bytes: impl Into<Bytes>) -> Self {
        Self {
            state: State::Own(Some(bytes.into())),
        }
    }
}

impl<F, B> ResponseBody<F, B>
where
    B: Body<Data = Bytes>,
{
    /// An answer whose head came in time.
    pub(super) fn pass(response: Response<B>, line: &Line) -> Response<Self> {
        let (mut head, body) = response.into_parts();
        let kind = kind(&head.headers);
        let untouched = line.silent
            || kind == Kind::Opaque
            || body.size_hint().exact().is_some()
            || head.headers.contains_key(header::CONTENT_LENGTH);
        let beats = (!untouched).then(|| {
            line.mark(&mut head.headers);
            Beats::new(line.clone(), kind == Kind::Stream)
        });
        let state = State::Passing { body, beats };
        Response::from_parts(head, Self { state })
    }
}

impl Beats {
    const fn new(line: Line, stream: bool) -> Self {
        Self {
            line,
            stream,
            last: *BLANK_LINE,
            begun: false,
            quiet: None,
        }
    }

    /// What came: the clock begins anew, and the last bytes are remembered.
    fn passed(&mut self, data: &Bytes) {
        self.quiet = None;
        if !data.is_empty() {
            self.begun |= !data.iter().all(u8::is_ascii_whitespace);
            for byte in &data[data.len().saturating_sub(self.last.len())..] {
                self.last.rotate_left(1);
                self.last[3] = *byte;
            }
        }
    }

    /// A sign of life, where one may stand and it is time; pending otherwise. Where none may stand no clock runs: the
    /// next piece wakes the task.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let allowed = if self.stream {
            self.last.ends_with(b"\n\n") || self.last == *BLANK_LINE
        } else {
            !self.begun
        };
        if !allowed {
            return Poll::Pending;
        }
        let every = self.line.policy.every;
        let quiet = self.quiet.get_or_insert_with(|| Box::pin(sleep(every)));
        ready!(quiet.as_mut().poll(cx));
        self.quiet = None;
        Poll::Ready(Bytes::from_static(if self.stream {
            b": keepalive\n\n"
        } else {
            b" "
        }))
    }
}

impl<F, B, E> Body for ResponseBody<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut self.state;
        loop {
            match this {
                State::Waiting { inner, line, quiet } => {
                    if let Poll::Ready(result) = inner.as_mut().poll(cx) {
                        *this = after_heartbeat(result.map_err(Error::from_inner), line);
                        continue;
                    }
                    // The first one goes out at once, with the head.
                    if let Some(quiet) = quiet {
                        ready!(quiet.as_mut().poll(cx));
                    }
                    *quiet = Some(Box::pin(sleep(line.policy.every)));
                    return Poll::Ready(Some(Ok(beat(line.sign_of_life()))));
                }
                State::Passing { body, beats } => {
                    if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
                        if let (Some(beats), Some(Ok(frame))) = (beats, &frame)
                            && let Some(data) = frame.data_ref()
                        {
                            beats.passed(data);
                        }
                        return Poll::Ready(frame.map(|frame| frame.map_err(Error::from_inner)));
                    }
                    let Some(beats) = beats else {
                        return Poll::Pending;
                    };
                    return beats.poll(cx).map(|bytes| Some(Ok(beat(bytes))));
                }
                State::Wrapping { body, envelope } => {
                    let whole = match ready!(Pin::new(body).poll_frame(cx)) {
                        None => envelope.write(),
                        Some(Ok(frame)) => {
                            if let Ok(data) = frame.into_data() {
                                envelope.push(&data);
                            }
                            continue;
                        }
                        Some(Err(error)) => envelope.write_broken(&Error::from_inner(error)),
                    };
                    *this = State::Own(Some(whole.into()));
                }
                State::Own(bytes) => {
                    let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                    return Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Waiting { .. } | State::Wrapping { .. } => false,
            State::Passing { body, .. } => body.is_end_stream(),
            State::Own(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Passing { body, beats: None } => body.size_hint(),
            State::Own(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            _ => SizeHint::new(),
        }
    }
}

/// Every byte that is not the provider's is counted.
fn beat(bytes: Bytes) -> Frame<Bytes> {
    metrics::counter!("longhaul.heartbeat.bytes").increment(bytes.len() as u64);
    Frame::data(bytes)
}

/// What follows the signs of life: the answer, or why there is none.
fn after_heartbeat<F, B>(result: Result<Response<B>, Error>, line: &Line) -> State<F, B> {
    let response = match result {
        Ok(response) => response,
        Err(error) => {
            let refusal = Refusal::of_error(&error, line.dialect);
            let envelope = Envelope::of_refusal(line.dialect, line.stream, &refusal);
            return State::Own(Some(envelope.into()));
        }
    };
    let (head, body) = response.into_parts();
    let kind = kind(&head.headers);
    let fits = match kind {
        Kind::Stream => line.stream,
        Kind::Json => !line.stream,
        Kind::Opaque => false,
    };
    if head.status.is_success() && fits {
        let beats = Some(Beats::new(line.clone(), line.stream));
        return State::Passing { body, beats };
    }
    let envelope = Envelope::new(&head, kind, line);
    State::Wrapping { body, envelope }
}

impl<F, B> fmt::Debug for ResponseBody<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Waiting { .. } => "Waiting",
            State::Passing { .. } => "Passing",
            State::Wrapping { .. } => "Wrapping",
            State::Own(_) => "Own",
        };
        f.debug_struct("ResponseBody")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
