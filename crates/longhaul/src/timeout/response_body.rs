//! The second half of the clocks: from the head on. Until the picture begins the limit by size goes on, whatever else
//! arrives; from then on every piece starts the clock of silence anew. There is no limit on the whole: what still arrives is
//! not given up.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{alarm::Alarm, beginning::Beginning, clocks::Clocks};
use crate::{
    attempt::{Attempt, PictureNote},
    body::ObservedBody,
    error::{AttemptGuard, BoxError, Clock, Error},
    model::Resolution,
};

opaque_body! {
    /// The response body of [`SizeAwareTimeout`](super::SizeAwareTimeout): under its clocks, and nothing else.
    pub struct ResponseBody<B>(ObservedBody<ClockedBody<B>, AttemptGuard>) where []
}

pin_project! {
    /// A body under the limit by size until its picture begins, and under that of silence from then on. It makes its timer
    /// at the first `Pending`, boxed, so that it is `Unpin` where the inner body is.
    #[derive(Debug)]
    pub(super) struct ClockedBody<B> {
        #[pin]
        inner: B,
        clocks: Clocks,
        // Whether it goes on, late, at the limit by size.
        late: bool,
        progress: Instant,
        beginning: Beginning,
        // Whether a piece of it was more than a sign of life.
        began: bool,
        // Whether the timer is armed for silence.
        watches_silence: bool,
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
        clocks: Clocks,
        late: bool,
        resolution: Resolution,
        attempt: Attempt,
    ) -> Self {
        Self {
            inner,
            clocks,
            late,
            progress: Instant::now(),
            beginning: Beginning::default(),
            began: false,
            watches_silence: false,
            sleep: None,
            alarm: Alarm::default(),
            resolution,
            attempt,
            ended: false,
        }
    }
}

/// Whether the picture has begun: as a layer that reads the answer says, where one waits for a picture in a success; else
/// with the first byte that is more than a sign of life.
///
/// In an answer that is no success nobody waits for a picture: its first byte is its beginning.
fn has_begun(attempt: &Attempt, began: bool) -> bool {
    match attempt.picture() {
        PictureNote::Began(_) => true,
        PictureNote::Awaited if attempt.status().is_some_and(|status| status.is_success()) => false,
        PictureNote::Awaited | PictureNote::Unwatched => began,
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
            *this.progress = Instant::now();
            *this.ended = !matches!(frame, Some(Ok(_)));
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                *this.began = *this.began || this.beginning.is_in(data.chunk());
            }
            let attempt = &*this.attempt;
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(|error| Error::from_inner(error).with_attempt(attempt))
            }));
        }
        loop {
            let (clocks, attempt, progress) = (&*this.clocks, &*this.attempt, *this.progress);
            let begun = has_begun(attempt, *this.began);
            // Silence is shorter than the limit by size: the timer may be armed for too late.
            if begun && !*this.watches_silence {
                *this.watches_silence = true;
                *this.sleep = None;
            }
            let nearest = |now| {
                if begun {
                    clocks.since_progress(progress, now)
                } else {
                    clocks.until_picture_begins(attempt, now)
                }
            };
            let sleep = this
                .sleep
                .get_or_insert_with(|| Box::pin(sleep_until(nearest(Instant::now()).at)));
            let next = |now| {
                let nearest = nearest(now);
                (nearest, nearest.at)
            };
            let limit = ready!(this.alarm.poll_expired(sleep.as_mut(), cx, next));
            if *this.late && limit.clock == Clock::Picture {
                attempt.mark_late();
                this.clocks.without_picture_limit();
                *this.alarm = Alarm::default();
                continue;
            }
            *this.ended = true;
            let error = limit.expired(*this.resolution).with_attempt(attempt);
            return Poll::Ready(Some(Err(error)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
