//! An attempt whose answer comes, from its head to the class that it gets.

use bytes::Bytes;
use http::{Response, header::CONTENT_LENGTH, response::Parts};
use http_body::Body;

use super::{
    Class, Classification, Classifier, EndOfStream, Evidence, Head,
    answer::{AnswerWatcher, BodyKind},
    body::{ResponseBody, RunningAnswer},
    peek::{Linger, Peek, Peeked, Reach},
    peeked_body::PeekedBody,
};
use crate::{
    attempt::Attempt,
    body::{MemoryBudget, PeekedBytes, announce_length},
    error::{AttemptGuard, BoxError, Error, ErrorKind, diagnosis},
    model::{End, Workload},
};

/// An answer whose body is being read.
#[derive(Debug)]
pub(super) struct Answer<B> {
    parts: Parts,
    pub(super) body: B,
    pub(super) peek: Peek,
    pub(super) watcher: AnswerWatcher,
    announced: bool,
}

/// Everything about an attempt that does not change while its answer comes.
#[derive(Debug)]
pub(super) struct ClassifyContext<C> {
    pub(super) classifier: C,
    pub(super) peek_limit: usize,
    /// Up to how much its answer is held until it is whole, and from what memory; `None` where it is not.
    pub(super) hold: Option<(usize, MemoryBudget)>,
    pub(super) workload: Workload,
    // `None` once handed on.
    pub(super) guard: Option<AttemptGuard>,
}

impl<C: Classifier + Clone> ClassifyContext<C> {
    pub(super) fn guard(&mut self) -> &mut AttemptGuard {
        self.guard
            .as_mut()
            .expect("`classify::ResponseFuture` polled after completion")
    }

    pub(super) fn head<'a>(&'a self, parts: &'a Parts) -> Head<'a> {
        let attempt = self.guard.as_ref().map(AttemptGuard::attempt);
        Head::new(parts.status, &parts.headers, &self.workload)
            .with_waited(attempt.and_then(Attempt::provider_wait))
    }

    pub(super) fn answered<B>(&mut self, mut response: Response<B>) -> Response<B> {
        let evidence = Evidence::of_head(response.headers());
        let guard = self.guard();
        guard.note_head(&mut response);
        guard.attempt().note_evidence(evidence);
        response
    }

    /// There is no answer, or it broke off while it was judged.
    pub(super) fn failed(&mut self, error: Error) -> Error {
        let classifier = self.classifier.clone();
        let attempt = self.guard().attempt();
        let error = error.with_attempt(attempt);
        let class = classifier.error(&error, attempt);
        attempt.finish(error.end(), diagnosis::note_end(&error, attempt, class));
        self.guard = None;
        error
    }

    /// An answer of which nothing was read.
    pub(super) fn begin<B: Body>(&mut self, parts: Parts, body: B) -> Answer<B> {
        let announced =
            parts.headers.contains_key(CONTENT_LENGTH) || body.size_hint().exact().is_some();
        Answer {
            watcher: AnswerWatcher::of_answer(&parts, &self.workload, announced),
            peek: Peek::new(self.reach(&parts, &body)),
            announced,
            parts,
            body,
        }
    }

    /// How much of an answer is read before it is handed on: all of it, where it is a picture that the caller does not want to see
    /// come, and where there is memory.
    ///
    /// Memory is reserved before the first byte where the length is announced: an answer that is half held and then let go
    /// would have cost the memory without the use.
    fn reach<B: Body>(&mut self, parts: &Parts, body: &B) -> Reach {
        let peek = Reach::Peek(self.peek_limit);
        let streams = BodyKind::of(&parts.headers) == BodyKind::Events;
        let Some((limit, memory)) = self.hold.take().filter(|_| parts.status.is_success()) else {
            return peek;
        };
        let told = parts.headers.get(CONTENT_LENGTH).and_then(|length| {
            let length = length.to_str().ok()?;
            length.parse().ok()
        });
        let length = told.or(body.size_hint().exact()).unwrap_or_default();
        if streams || usize::try_from(length).map_or(true, |length| length > limit) {
            return peek;
        }
        let mut reservation = memory.reserve();
        if !reservation.grow(length) {
            self.guard().attempt().note_not_held();
            return peek;
        }
        Reach::Hold(limit, reservation)
    }

    /// Three questions in this order: is there more to come, so that it is judged in passing? Did it break off, so that it is
    /// an error? Else it is judged now, by its bytes where they are few, by what was noted of it where they are many.
    pub(super) fn peeked<B>(
        &mut self,
        answer: Answer<B>,
        peeked: Peeked,
    ) -> Result<Response<ResponseBody<B, C>>, Error>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let success = answer.parts.status.is_success();
        let whole = matches!(peeked, Peeked::Whole);
        if matches!(peeked, Peeked::Longer) && success {
            return Ok(self.watched(answer));
        }
        let Answer {
            mut parts,
            body,
            mut peek,
            watcher,
            ..
        } = answer;
        let facts = watcher.facts(whole);
        self.guard().attempt().note_body(facts.evidence.clone());
        let peeked = match peeked {
            Peeked::Broken(error) if success => return Err(self.failed(error)),
            Peeked::Whole if success && peek.held() > 0 && watcher.is_broken_off() => {
                let received = watcher.bytes();
                return Err(self.failed(Error::new(ErrorKind::Truncated { received })));
            }
            peeked => peeked,
        };
        let classification = if success && peek.held() > self.peek_limit {
            // Nobody needs many megabytes in one piece.
            let waited = self.head(&parts).waited;
            let end = EndOfStream::new(parts.status, &self.workload, &facts).with_waited(waited);
            self.classifier.passed(&end)
        } else {
            let bytes = peek.joined();
            let classification = self.classifier.body(&self.head(&parts), &bytes, &facts);
            if classification.class != Class::Delivered {
                parts.extensions.insert(PeekedBytes(bytes));
            }
            classification
        };
        let body = match peeked {
            Peeked::Whole => {
                if peek.held() > 0 {
                    announce_length(&mut parts.headers, peek.held() as u64);
                }
                PeekedBody::whole(peek)
            }
            Peeked::Longer => PeekedBody::longer(peek, body),
            Peeked::Broken(error) => PeekedBody::broken(peek, error),
        };
        Ok(self.classified(parts, classification, body))
    }

    /// The meaning is known: the attempt ends here, whatever happens to the rest of its body.
    pub(super) fn classified<B>(
        &mut self,
        mut parts: Parts,
        classification: Classification,
        body: PeekedBody<B>,
    ) -> Response<ResponseBody<B, C>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let guard = self.guard.take().expect("handed on once");
        let attempt = guard.attempt();
        attempt.note_classification(&classification);
        diagnosis::note_answer(attempt, classification.class);
        attempt.finish(End::Finished, classification.class);
        // What was delivered has its class in the handle, and asks for nothing.
        if classification.class != Class::Delivered {
            parts.extensions.insert(classification);
        }
        Response::from_parts(parts, ResponseBody::judged(body))
    }

    /// The meaning comes with the last byte.
    pub(super) fn watched<B>(&mut self, answer: Answer<B>) -> Response<ResponseBody<B, C>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let Answer {
            parts,
            body,
            peek,
            watcher,
            announced,
        } = answer;
        if peek.is_out_of_memory() {
            self.guard().attempt().note_not_held();
        }
        let running = RunningAnswer {
            classifier: self.classifier.clone(),
            status: parts.status,
            workload: self.workload.clone(),
            watcher,
            seen: peek.held(),
            announced,
            whole: None,
            linger: Linger::default(),
            guard: self.guard.take().expect("handed on once"),
        };
        Response::from_parts(parts, ResponseBody::watched(peek, body, running))
    }
}
