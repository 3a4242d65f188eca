//! One operation: a call, and its answer read to the end.
//!
//! The future is written by hand, so that what is measured is the contender's own future and not a machine that a
//! compiler makes around it. An answer that is read is part of it, since some layers do their work in the body.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

pin_project! {
    /// A call, and then its answer read to the end: `true` if both went well.
    #[project = StateProj]
    pub(super) enum Operation<F, B> {
        Calling { #[pin] call: F },
        Reading { #[pin] body: B },
    }
}

impl<F, B> Operation<F, B> {
    pub(super) fn new(call: F) -> Self {
        Self::Calling { call }
    }
}

impl<F, B, E> Future for Operation<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            match self.as_mut().project() {
                StateProj::Calling { call } => match ready!(call.poll(cx)) {
                    Ok(answer) => self.set(Self::Reading {
                        body: answer.into_body(),
                    }),
                    Err(_) => return Poll::Ready(false),
                },
                StateProj::Reading { body } => match ready!(body.poll_frame(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return Poll::Ready(false),
                    None => return Poll::Ready(true),
                },
            }
        }
    }
}
