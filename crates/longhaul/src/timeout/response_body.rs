use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};

use super::{alarm::Alarm, head_clock::BodyClock};
use crate::{
    attempt::Attempt,
    body::ObservedBody,
    error::{AttemptGuard, BoxError, Error},
    model::Resolution,
};

/// The response body of [`SizeAwareTimeout`](super::SizeAwareTimeout): clocked, and nothing else.
pub type ResponseBody<B> = ObservedBody<ClockedBody<B>, AttemptGuard>;

pin_project! {
    /// A body with an idle clock and a deadline. It makes its timer at the first `Pending`, boxed, so
    /// that it is `Unpin` where the inner body is.
    #[derive(Debug)]
    pub struct ClockedBody<B> {
        #[pin]
        inner: B,
        clock: BodyClock,
        sleep: Option<Pin<Box<Sleep>>>,
        alarm: Alarm,
        resolution: Resolution,
        attempt: Attempt,
        ended: bool,
    }
}

impl<B> ClockedBody<B> {
    pub(super) fn new(
        inner: B,
        clock: BodyClock,
        resolution: Resolution,
        attempt: Attempt,
    ) -> Self {
        Self {
            inner,
            clock,
            sleep: None,
            alarm: Alarm::default(),
            resolution,
            attempt,
            ended: false,
        }
    }
}

impl<B> Body for ClockedBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Error>>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = this.inner.poll_frame(cx) {
            this.clock.progress();
            *this.ended = !matches!(frame, Some(Ok(_)));
            let attempt = &*this.attempt;
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(|error| Error::from_inner(error).with_attempt(attempt))
            }));
        }
        let clock = &*this.clock;
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(clock.next().at)));
        this.alarm
            .poll_expired(sleep.as_mut(), cx, |_| {
                let nearest = clock.next();
                (nearest, nearest.at)
            })
            .map(|limit| {
                *this.ended = true;
                Some(Err(limit
                    .expired(*this.resolution)
                    .with_attempt(this.attempt)))
            })
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
