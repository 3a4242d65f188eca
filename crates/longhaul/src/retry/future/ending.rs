//! What follows from the end of an attempt, and how an operation ends.

use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    super::{
        StoppedBy,
        body::ResponseBody,
        decide::Next,
        settle::{finish, settle},
    },
    Ended, Hedged, NextAttempt, ResponseFuture,
};
use crate::{
    body::Replay,
    error::{BoxError, Error},
};

impl<S, B, ResBody> ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    /// What follows from the end of an attempt; `Some` is what the caller gets.
    pub(super) fn follow(
        mut self: Pin<&mut Self>,
        (mut running, ending): Ended<Response<ResBody>>,
    ) -> Option<Result<Response<ResponseBody<ResBody>>, Error>> {
        let in_time = self.has_one_in_time();
        let this = self.as_mut().project();
        let operation = this.operation;
        // What was planned beside it, or after another, is planned anew: its wait, its mark and its money. An attempt
        // that is not late has none planned beside it.
        if !in_time {
            operation.call_off();
            *this.next = NextAttempt::Nothing;
        }
        let hedged = this.beside.iter_mut().map(|beside| &mut beside.running);
        let mut others: Vec<_> = this.running.iter_mut().chain(hedged).collect();
        let next = match &ending {
            Ok(response) => operation.judge_answer(&mut running, response, in_time, &mut others),
            Err(error) => operation.judge_error(&mut running, error, in_time, &mut others),
        };
        match next {
            Next::Again(wait) => {
                operation.keep(running, ending);
                *this.next = NextAttempt::after(wait);
            }
            Next::KeepWaiting => operation.keep(running, ending),
            Next::NotBegun if this.running.is_some() || !this.beside.is_empty() => {}
            Next::NotBegun => return Some(self.finish(ending.err())),
            // What is late, or just begun, may still bring the picture.
            Next::Stop if this.running.is_some() || !this.beside.is_empty() => {
                operation.keep(running, ending);
            }
            Next::Stop | Next::Done => {
                self.as_mut().supersede();
                let this = self.project();
                return Some(settle(this.operation, running, ending));
            }
        }
        None
    }

    /// Another attempt was first, or none will be: what still runs is given up, and said to be.
    pub(super) fn supersede(self: Pin<&mut Self>) {
        let mut this = self.project();
        let hedged = this.beside.iter().map(|beside| &beside.running);
        for running in this.running.iter().chain(hedged) {
            running.attempt().supersede();
        }
        this.inner.set(None);
        *this.running = None;
        this.beside.clear();
        this.operation.call_off();
        *this.next = NextAttempt::Done;
    }

    /// The deadline is over, and the layers below have not noticed.
    ///
    /// Each attempt is told first, so that its outcome says "timed out" and not "cancelled"; then it is dropped, which proves
    /// for good what had been sent.
    pub(super) fn expire(self: Pin<&mut Self>) -> Result<Response<ResponseBody<ResBody>>, Error> {
        let mut this = self.project();
        let hedged = this.beside.iter().map(|beside| &beside.running);
        for running in this.running.iter().chain(hedged) {
            running.attempt().expire();
        }
        this.inner.set(None);
        let hedged = this.beside.drain(..).map(|Hedged { future, running }| {
            drop(future);
            running
        });
        for mut running in this.running.take().into_iter().chain(hedged) {
            let error = this.operation.expired(&mut running);
            this.operation.keep::<ResBody>(running, Err(error));
        }
        this.operation.call_off();
        this.operation.report.stopped_by = StoppedBy::Deadline;
        *this.next = NextAttempt::Done;
        finish(this.operation, None)
    }

    /// No attempt runs, and none will be made: because of `refusal`, if that is why.
    pub(super) fn finish(
        self: Pin<&mut Self>,
        refusal: Option<Error>,
    ) -> Result<Response<ResponseBody<ResBody>>, Error> {
        let this = self.project();
        *this.next = NextAttempt::Done;
        finish(this.operation, refusal)
    }
}
