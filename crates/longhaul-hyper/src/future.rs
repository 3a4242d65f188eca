use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, connect::CaptureConnection};
use longhaul::{Attempt, Error};
use pin_project_lite::pin_project;

use crate::{body::ResponseBody, failure::failure, proof::Link};

pin_project! {
    /// The answer to come.
    ///
    /// hyper-util's own future inside is boxed; that box cannot be avoided.
    ///
    /// # Panics
    ///
    /// When polled again after it was ready.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture {
        // Before the inner future, so that it drops first: a call that is given up must have sealed its
        // connection before hyper-util considers putting that back into the pool.
        link: Link,
        #[pin]
        inner: legacy::ResponseFuture,
        attempt: Option<Attempt>,
        done: bool,
    }
}

impl ResponseFuture {
    pub(crate) fn new(
        inner: legacy::ResponseFuture,
        captured: CaptureConnection,
        attempt: Option<Attempt>,
    ) -> Self {
        Self {
            link: Link::Connecting(captured),
            inner,
            attempt,
            done: false,
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        assert!(
            !*this.done,
            "`longhaul_hyper::ResponseFuture` polled after it was ready"
        );
        let polled = this.inner.poll(cx);
        // In the poll that hands the request to its connection, the attempt learns which one it is:
        // nobody can drop this future in between and find the attempt without its proof.
        this.link.follow(this.attempt.as_ref());
        let result = ready!(polled);
        *this.done = true;
        Poll::Ready(match result {
            Ok(response) => Ok(answered(response, this.link, this.attempt.take())),
            Err(source) => {
                let error = failure(source, this.link.seal());
                Err(match &*this.attempt {
                    Some(attempt) => error.with_attempt(attempt),
                    None => error,
                })
            }
        })
    }
}

fn answered(
    mut response: Response<Incoming>,
    link: &mut Link,
    attempt: Option<Attempt>,
) -> Response<ResponseBody> {
    link.head_received(response.extensions_mut());
    if let Some(attempt) = &attempt {
        attempt.head_received(response.status(), response.version());
    }
    response.map(|body| ResponseBody::new(body, attempt))
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("attempt", &self.attempt)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
