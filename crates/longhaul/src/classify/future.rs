//! Waits for the head, then for as much of the body as the classification needs, and hands both on together. An answer that
//! is judged before its head is handed on can still be replaced by another attempt; one whose head the caller has cannot. So
//! whatever can be judged at the head, or within the peek, is judged here.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    Classifier, HeadDecision,
    answer::AnswerWatcher,
    body::ResponseBody,
    context::{Answer, ClassifyContext},
    peeked_body::PeekedBody,
};
use crate::error::{BoxError, Error};

pin_project! {
    /// Waits for the head, then for as much of the body as the classification needs.
    ///
    /// Dropped while it reads, it cancels the attempt; what was read of an answer is given up with it, and its memory is
    /// given back.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B, C> {
        // Before the guard, so that it drops first and says what it knows.
        #[pin]
        state: State<F, B>,
        case: ClassifyContext<C>,
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

impl<F, B, C> ResponseFuture<F, B, C> {
    pub(super) const fn new(inner: F, case: ClassifyContext<C>) -> Self {
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
                    let decision = this.case.classifier.head(&this.case.head(&parts));
                    if let HeadDecision::Classified(classification) = decision {
                        // Nobody reads the body for a picture: its progress is what counts from now on.
                        this.case.guard().attempt().note_picture_began();
                        let body = PeekedBody::unread(body);
                        return Poll::Ready(Ok(this.case.classified(parts, classification, body)));
                    }
                    let answer = this.case.begin(parts, body);
                    if decision == HeadDecision::Stream {
                        return Poll::Ready(Ok(this.case.watched(answer)));
                    }
                    this.state.set(State::Peeking {
                        answer: Some(answer),
                    });
                }
                StateProj::Peeking { answer } => {
                    let Answer {
                        body,
                        peek,
                        watcher,
                        ..
                    } = answer
                        .as_mut()
                        .expect("`classify::ResponseFuture` polled after completion");
                    let attempt = this.case.guard().attempt();
                    let began = |watcher: &AnswerWatcher| {
                        if watcher.picture_began() {
                            attempt.note_picture_began();
                        }
                    };
                    let peeked = ready!(peek.poll_read(body, watcher, began, cx));
                    let answer = answer.take().expect("it was there a line above");
                    return Poll::Ready(this.case.peeked(answer, peeked));
                }
            }
        }
    }
}
