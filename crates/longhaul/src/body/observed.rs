//! The response body of every layer that has to know how an answer ended.
//!
//! Three ends are told apart: the body's own, an error, and a drop before either. A body that says of itself that nothing
//! more comes has ended, even if nobody polls it for the `None`: readers that know the length stop at the last byte.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{
    error::{AttemptGuard, BoxError, Error},
    model::Class,
};

/// What a layer does while a body passes: at its data, at its end, at its error.
///
/// Dropped before its end, the watcher's own `Drop` speaks.
pub(crate) trait BodyObserver<D> {
    /// A piece of data passes.
    fn data(&mut self, data: &D) {
        let _ = data;
    }

    /// The body ended by itself. An error returned here is what the reader gets instead of the end.
    fn end(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// The body failed; returned is what the reader gets.
    fn error(&mut self, error: Error) -> Error {
        error
    }
}

/// There may be no observer.
impl<D, W: BodyObserver<D>> BodyObserver<D> for Option<W> {
    fn data(&mut self, data: &D) {
        if let Some(watch) = self {
            watch.data(data);
        }
    }

    fn end(&mut self) -> Result<(), Error> {
        self.as_mut().map_or(Ok(()), W::end)
    }

    fn error(&mut self, error: Error) -> Error {
        match self {
            Some(watch) => watch.error(error),
            None => error,
        }
    }
}

/// Watches a response body where no classifier does: a success that came whole is delivered.
impl<D> BodyObserver<D> for AttemptGuard {
    fn end(&mut self) -> Result<(), Error> {
        self.finish(Class::Delivered);
        Ok(())
    }

    fn error(&mut self, error: Error) -> Error {
        let error = error.with_attempt(self.attempt());
        self.fail(&error);
        error
    }
}

pin_project! {
    /// A response body with a [`BodyObserver`] beside it. Holds nothing back and changes no byte.
    #[derive(Debug)]
    pub(crate) struct ObservedBody<B, W> {
        // Before the watcher, so that a dropped body says first what it knows.
        #[pin]
        inner: B,
        watch: W,
        state: State,
    }
}

#[derive(Debug)]
enum State {
    Passing,
    /// The data has passed; the end is not a good one.
    Failing(Error),
    Ended,
}

impl<B: Body, W: BodyObserver<B::Data>> ObservedBody<B, W> {
    /// Watches `inner` with `watch`. A body that is empty from the start has ended with this call.
    pub(crate) fn new(inner: B, watch: W) -> Self {
        let mut body = Self {
            inner,
            watch,
            state: State::Passing,
        };
        if body.inner.is_end_stream() {
            body.state = end(&mut body.watch);
        }
        body
    }
}

fn end<D>(watch: &mut impl BodyObserver<D>) -> State {
    match watch.end() {
        Ok(()) => State::Ended,
        Err(error) => State::Failing(error),
    }
}

impl<B, W> Body for ObservedBody<B, W>
where
    B: Body,
    B::Error: Into<BoxError>,
    W: BodyObserver<B::Data>,
{
    type Data = B::Data;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Error>>> {
        let mut this = self.project();
        match std::mem::replace(this.state, State::Ended) {
            State::Ended => return Poll::Ready(None),
            State::Failing(error) => return Poll::Ready(Some(Err(error))),
            State::Passing => *this.state = State::Passing,
        }
        match ready!(this.inner.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    this.watch.data(data);
                }
                // A reader that knows the length does not ask again after the last byte.
                if this.inner.is_end_stream() {
                    *this.state = end(this.watch);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                *this.state = State::Ended;
                Poll::Ready(Some(Err(this.watch.error(Error::from_inner(error)))))
            }
            None => {
                *this.state = State::Ended;
                Poll::Ready(this.watch.end().err().map(Err))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.state {
            State::Passing => self.inner.is_end_stream(),
            State::Failing(_) => false,
            State::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
