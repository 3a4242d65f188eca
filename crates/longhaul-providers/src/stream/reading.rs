//! Reading a stream until its answer is there.
//!
//! Three things end it: the answer is complete, the stream ends, or the deadline passes. Silence ends nothing. It is
//! measured, and where pings had come before it is said to be late; a stream that never pings cannot be told from one
//! that hangs, and is waited for.
//!
//! What is said of the attempt while reading (drafts, pings, silence) goes onto its handle at once and not at the end,
//! because the layers above decide by it while the stream is still open.

use std::{future::poll_fn, pin::Pin, time::Duration};

use bytes::Bytes;
use longhaul::{Attempt, Deadline, Error, ErrorKind, error::Clock};
use tokio::time::{Instant, timeout_at};

use super::{
    assemble::{Assembly, Finished},
    error::StreamError,
    events::{Event, Events},
    report::StreamReport,
};
use crate::exchange::Bytewise;

/// The next piece of a body, trailers passed over.
///
/// `None` at the end. No event stands in trailers.
pub(super) async fn next<R>(body: &mut R) -> Result<Option<Bytes>, Error>
where
    R: Bytewise,
{
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(error)) => return Err(Error::from_inner(error)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads a stream.
///
/// The state of one stream being read; it is made before the request is sent, so that time counts from there.
pub(super) struct Reading {
    /// The handle of the attempt, where a layer above has put one on the request.
    pub(super) attempt: Option<Attempt>,
    pub(super) assembly: Assembly,
    pub(super) events: Events,
    /// The policy's limit, after which an attempt is late.
    pub(super) silence: Duration,
    /// When the stream was asked for.
    pub(super) started: Instant,
    /// When the reading ends at the latest.
    pub(super) deadline: Instant,
}

impl Reading {
    /// Reads from `begun`, which was read already, on through `body`, until the answer is there. The rest of the body
    /// is dropped unread, and with it the connection: a stream may stay open behind its last event.
    ///
    /// A stream of the images API that ends with fewer pictures than were asked for is an answer of those that came.
    pub(super) async fn until_finished<R>(
        mut self,
        begun: Bytes,
        mut body: R,
    ) -> Result<(Finished, StreamReport), Error>
    where
        R: Bytewise,
    {
        let mut piece = begun;
        loop {
            while let Some(event) = self.events.next(&mut piece) {
                if event == Event::TooLong {
                    let limit = self.events.longest();
                    return Err(self.failed(StreamError::TooLong { limit }));
                }
                let finished = self.assembly.take(&event);
                self.note();
                if let Some(finished) = finished {
                    return Ok((finished, self.assembly.report));
                }
            }
            match self.next_piece(&mut body).await? {
                Some(next) => piece = next,
                None => {
                    let events = self.assembly.report.events;
                    return match self.assembly.ended() {
                        Some(finished) => Ok((finished, self.assembly.report)),
                        None => Err(self.failed(StreamError::Ended { events })),
                    };
                }
            }
        }
    }

    /// What the books say of it.
    ///
    /// Partial images are charged on their own; pings prove that the path is alive.
    fn note(&self) {
        let Some(attempt) = &self.attempt else {
            return;
        };
        attempt.note_drafts(self.assembly.report.partial_images);
        if self.assembly.report.pings > 0 {
            attempt.note_kept_open();
        }
    }

    /// The next piece, however long it takes; a silence after a ping was seen is late.
    ///
    /// A silence is late once: after it, the reading waits for the deadline alone.
    async fn next_piece<R>(&mut self, body: &mut R) -> Result<Option<Bytes>, Error>
    where
        R: Bytewise,
    {
        let since = Instant::now();
        let late = Deadline::after(self.silence).instant();
        let watches = self.assembly.report.pings > 0 && !self.assembly.report.late;
        if watches && late < self.deadline {
            if let Ok(piece) = timeout_at(late, next(body)).await {
                self.heard(since);
                return piece;
            }
            self.assembly.report.late = true;
            if let Some(attempt) = &self.attempt {
                attempt.note_silence();
            }
        }
        let Ok(piece) = timeout_at(self.deadline, next(body)).await else {
            return Err(self.expired());
        };
        self.heard(since);
        piece
    }

    /// Keeps the longest silence. It is measured while waiting only, and not while events are taken apart.
    fn heard(&mut self, since: Instant) {
        let report = &mut self.assembly.report;
        report.longest_silence = report.longest_silence.max(since.elapsed());
    }

    /// An error of the stream itself. Its kind is `Inner`, as of anything that went wrong below the clocks.
    fn failed(&self, error: StreamError) -> Error {
        self.attributed(Error::new(ErrorKind::Inner).with_source(error))
    }

    /// The deadline has passed: also used where the request for the stream was not even answered by then.
    pub(super) fn expired(&self) -> Error {
        let StreamReport { events, pings, .. } = self.assembly.report;
        let error = Error::new(ErrorKind::Timeout {
            clock: Clock::Operation,
            limit: self.deadline.saturating_duration_since(self.started),
            elapsed: self.started.elapsed(),
            resolution: None,
        });
        self.attributed(error.with_source(StreamError::Open { events, pings }))
    }

    /// With the attempt's handle in it, so that the error tells what was sent and how long ago.
    fn attributed(&self, error: Error) -> Error {
        match &self.attempt {
            Some(attempt) => error.with_attempt(attempt),
            None => error,
        }
    }
}
