//! What the caller gets in the end.
//!
//! The report is made here and nowhere else, once, so that it is complete: nothing is decided after it.

use bytes::Bytes;
use http::Response;
use http_body::Body;

use super::{
    body::ResponseBody, endings::RejectedResult, future::GRACE, operation::RetryOperation,
    running::RunningAttempt,
};
use crate::{
    body::Replay,
    error::{BoxError, Error, class_of_answer},
    model::Class,
};

/// What the caller gets: the last ending, or an earlier one that may have cost more.
pub(super) fn settle<B, ResBody>(
    operation: &mut RetryOperation<B>,
    mut running: RunningAttempt,
    last: Result<Response<ResBody>, Error>,
) -> Result<Response<ResponseBody<ResBody>>, Error>
where
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    let class = match &last {
        // A picture is handed on, and so is a success whose body is still to come.
        Ok(response) => class_of_answer(Some(running.attempt()), response)
            .filter(|class| *class != Class::Delivered),
        Err(error) => Some(error.class()),
    };
    let instead = class.and_then(|class| operation.instead_of(running.attempt(), class));
    if let Some(instead) = instead {
        return hand_on(operation, instead);
    }
    let report = operation.report(Some(running.attempt()));
    match last {
        Err(error) => Err(error.with_report(report)),
        Ok(mut response) => {
            response.extensions_mut().insert(report);
            running.guard.answered(&mut response);
            running.settle();
            let deadline = operation.callers_deadline;
            Ok(response.map(|body| ResponseBody::live(body, running, deadline, GRACE)))
        }
    }
}

/// The same where no attempt ended just now.
pub(super) fn finish<B, ResBody>(
    operation: &mut RetryOperation<B>,
    refusal: Option<Error>,
) -> Result<Response<ResponseBody<ResBody>>, Error>
where
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    match operation.best_ending() {
        Some(kept) => hand_on(operation, kept),
        None => {
            // Of a rejected answer nothing is kept where no layer below reads it.
            let error = refusal.unwrap_or_else(|| operation.past_deadline());
            let attempt = error.attempt().cloned();
            Err(error.with_report(operation.report(attempt.as_ref())))
        }
    }
}

fn hand_on<B, ResBody>(
    operation: &mut RetryOperation<B>,
    kept: RejectedResult,
) -> Result<Response<ResponseBody<ResBody>>, Error>
where
    B: Replay,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    match kept {
        RejectedResult::Failure(error) => {
            let attempt = error.attempt().cloned();
            let report = operation.report(attempt.as_ref());
            Err(error.with_report(report))
        }
        RejectedResult::Answer(mut kept) => {
            let attempt = kept.extensions().get().cloned();
            let report = operation.report(attempt.as_ref());
            kept.extensions_mut().insert(report);
            Ok(kept.map(ResponseBody::kept))
        }
    }
}
