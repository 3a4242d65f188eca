use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    Response,
    response::{self, Parts},
};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    Class, Classification, Classifier, Evidence, Head, HeadDecision,
    answer::AnswerWatcher,
    body::{ClassifyBody, ResponseBody, Running},
    peek::{Peek, Peeked, PeekedBody},
};
use crate::{
    body::{ObservedBody, PeekedBytes},
    error::{AttemptGuard, BoxError, Error, ErrorKind, diagnosis},
    model::{End, Workload},
};

pin_project! {
    /// Waits for the head, then for as much of the body as the classification needs.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B, C> {
        // Before the guard, so that it drops first and says what it knows.
        #[pin]
        state: State<F, B>,
        case: Case<C>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F, B> {
        Calling { #[pin] inner: F },
        // `None` once done.
        Peeking { answer: Option<Answer<B>> },
    }
}

#[derive(Debug)]
struct Answer<B> {
    parts: response::Parts,
    body: B,
    peek: Peek,
}

/// Everything about an attempt that does not change while its answer comes.
#[derive(Debug)]
pub(super) struct Case<C> {
    pub(super) classifier: C,
    pub(super) limit: usize,
    pub(super) workload: Workload,
    // `None` once handed on.
    pub(super) guard: Option<AttemptGuard>,
}

impl<F, B, C> ResponseFuture<F, B, C> {
    pub(super) const fn new(inner: F, case: Case<C>) -> Self {
        Self {
            state: State::Calling { inner },
            case,
        }
    }
}

impl<F, B, E, C> Future for ResponseFuture<F, B, C>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
    E: Into<BoxError>,
    C: Classifier + Clone,
{
    type Output = Result<Response<ResponseBody<B, C>>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Calling { inner } => {
                    let response = match ready!(inner.poll(cx)) {
                        Ok(response) => response,
                        Err(error) => {
                            return Poll::Ready(Err(this.case.failed(Error::from_inner(error))));
                        }
                    };
                    let (parts, body) = this.case.answered(response).into_parts();
                    match this.case.classifier.head(&this.case.head(&parts)) {
                        HeadDecision::Classified(classification) => {
                            let body = PeekedBody::unread(body);
                            return Poll::Ready(Ok(this.case.judged(parts, classification, body)));
                        }
                        HeadDecision::Stream => {
                            return Poll::Ready(Ok(this.case.watched(
                                parts,
                                Peek::default(),
                                body,
                            )));
                        }
                        HeadDecision::ReadBody => this.state.set(State::Peeking {
                            answer: Some(Answer {
                                parts,
                                body,
                                peek: Peek::default(),
                            }),
                        }),
                    }
                }
                StateProj::Peeking { answer } => {
                    let pending = answer
                        .as_mut()
                        .expect("`classify::ResponseFuture` polled after completion");
                    let peeked = ready!(pending.peek.poll_read(
                        &mut pending.body,
                        this.case.limit,
                        cx
                    ));
                    let answer = answer.take().expect("it was there a line above");
                    return Poll::Ready(this.case.peeked(answer, peeked));
                }
            }
        }
    }
}

impl<C: Classifier + Clone> Case<C> {
    fn guard(&mut self) -> &mut AttemptGuard {
        self.guard
            .as_mut()
            .expect("`classify::ResponseFuture` polled after completion")
    }

    fn head<'a>(&'a self, parts: &'a Parts) -> Head<'a> {
        Head::new(parts.status, &parts.headers, &self.workload)
    }

    fn answered<B>(&mut self, mut response: Response<B>) -> Response<B> {
        let evidence = Evidence::of_head(response.headers());
        let guard = self.guard();
        guard.note_head(&mut response);
        guard.attempt().note_evidence(evidence);
        response
    }

    /// There is no answer, or it broke off while it was judged.
    fn failed(&mut self, error: Error) -> Error {
        let classifier = self.classifier.clone();
        let attempt = self.guard().attempt();
        let error = error.with_attempt(attempt);
        let class = classifier.error(&error, attempt);
        attempt.finish(error.end(), diagnosis::note_end(&error, attempt, class));
        self.guard = None;
        error
    }

    fn peeked<B>(
        &mut self,
        answer: Answer<B>,
        peeked: Peeked,
    ) -> Result<Response<ResponseBody<B, C>>, Error>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let Answer {
            mut parts,
            body,
            mut peek,
        } = answer;
        let success = parts.status.is_success();
        match peeked {
            Peeked::Broken(error) if success => return Err(self.failed(error)),
            Peeked::Longer if success => return Ok(self.watched(parts, peek, body)),
            _ => {}
        }

        let bytes = peek.joined();
        let mut watcher = AnswerWatcher::of(&parts.headers);
        watcher.data(&bytes);
        let facts = watcher.facts(matches!(peeked, Peeked::Whole));
        if success && !bytes.is_empty() && watcher.is_broken_off() {
            self.guard().attempt().note_body(facts.evidence);
            let received = watcher.bytes();
            return Err(self.failed(Error::new(ErrorKind::Truncated { received })));
        }
        let classification = self.classifier.body(&self.head(&parts), &bytes, &facts);
        self.guard().attempt().note_body(facts.evidence);
        if classification.class != Class::Delivered {
            parts.extensions.insert(PeekedBytes(bytes));
        }
        let body = match peeked {
            Peeked::Whole => PeekedBody::whole(peek),
            Peeked::Longer => PeekedBody::longer(peek, body),
            Peeked::Broken(error) => PeekedBody::broken(peek, error),
        };
        Ok(self.judged(parts, classification, body))
    }

    /// The meaning is known: the attempt ends here, whatever happens to the rest of its body.
    fn judged<B>(
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
        Response::from_parts(parts, ObservedBody::new(body, ClassifyBody::judged()))
    }

    /// The meaning comes with the last byte.
    fn watched<B>(&mut self, parts: Parts, peek: Peek, rest: B) -> Response<ResponseBody<B, C>>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: Into<BoxError>,
    {
        let judge = ClassifyBody::running(Running {
            classifier: self.classifier.clone(),
            status: parts.status,
            workload: self.workload.clone(),
            watcher: AnswerWatcher::of(&parts.headers),
            guard: self.guard.take().expect("handed on once"),
        });
        let body = PeekedBody::longer(peek, rest);
        Response::from_parts(parts, ObservedBody::new(body, judge))
    }
}
