//! What came back is looked at and handed on. A mismatch is a fault of the connector below, to be mended there; the answer
//! has been paid for by then.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Response, StatusCode, Version};
use pin_project_lite::pin_project;

use crate::model::Http1Report;
use crate::{
    attempt::Attempt,
    error::{BoxError, Error},
};

pin_project! {
    /// Waits for the head and looks at its version.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
        attempt: Option<Attempt>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F> {
        Calling {
            #[pin]
            inner: F,
            journey: Journey,
        },
        Refused {
            error: Option<Error>,
        },
    }
}

/// What is known of a call before it is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Journey {
    pub(super) forced: bool,
    pub(super) key_in_clear: bool,
}

impl Journey {
    fn report<B>(self, response: &Response<B>) -> Http1Report {
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let newer = response.version() > Version::HTTP_11;
        Http1Report {
            version: response.version(),
            forced: self.forced,
            mismatch: self.forced && (newer || switched),
            key_in_clear: self.key_in_clear,
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn calling(inner: F, journey: Journey, attempt: Option<Attempt>) -> Self {
        Self {
            state: State::Calling { inner, journey },
            attempt,
        }
    }

    pub(super) const fn refused(error: Error) -> Self {
        Self {
            state: State::Refused { error: Some(error) },
            attempt: None,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<B>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (result, journey) = match this.state.project() {
            StateProj::Calling { inner, journey } => (ready!(inner.poll(cx)), *journey),
            StateProj::Refused { error } => {
                let error = error.take();
                return Poll::Ready(Err(
                    error.expect("`http1::ResponseFuture` polled after completion")
                ));
            }
        };
        let mut response = result.map_err(Error::from_inner)?;

        let report = journey.report(&response);
        #[cfg(feature = "tracing")]
        if report.mismatch {
            tracing::warn!(
                version = ?report.version,
                status = response.status().as_u16(),
                "the answer did not come over HTTP/1.1: the connector must offer `http/1.1` alone",
            );
        }
        match this.attempt {
            Some(attempt) => {
                attempt.head_received(response.status(), response.version());
                attempt.note_http1(report);
                attempt.put_into(response.extensions_mut());
            }
            None => {
                response.extensions_mut().insert(report);
            }
        }
        Poll::Ready(Ok(response))
    }
}
