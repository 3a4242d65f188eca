//! How it ended at one target, as far as the next one depends on it.

use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use crate::{
    attempt::Attempt,
    error::{Error, RetryReport, class_of_answer},
    model::{Class, Classification, Exposure, retry_after_in_headers},
};

#[derive(Debug)]
pub(super) struct TargetEnding {
    /// What the caller would get; `None` is a good answer whose body is still coming.
    pub(super) class: Option<Class>,
    /// The wait that the server asks for.
    pub(super) told: Option<Duration>,
    pub(super) report: Option<RetryReport>,
}

impl TargetEnding {
    pub(super) fn of<B>(result: &Result<Response<B>, Error>) -> Self {
        match result {
            Ok(response) => Self::of_answer(response),
            Err(error) => Self {
                class: Some(error.class()),
                told: error
                    .report()
                    .and_then(RetryReport::retry_at)
                    .map(|at| at.saturating_duration_since(Instant::now())),
                report: error.report().cloned(),
            },
        }
    }

    fn of_answer<B>(response: &Response<B>) -> Self {
        let extensions = response.extensions();
        let classification = extensions.get::<Classification>();
        Self {
            class: class_of_answer(None, response),
            told: match classification {
                Some(classification) => classification.wait,
                None => retry_after_in_headers(response.headers()),
            },
            report: extensions.get().cloned(),
        }
    }

    /// The classes of all attempts, the one that the caller would get at least.
    pub(super) fn classes(&self) -> Vec<Option<Class>> {
        match &self.report {
            Some(report) if !report.attempts().is_empty() => report.classes().collect(),
            _ => vec![self.class],
        }
    }

    /// The last attempt that may be running and charged.
    ///
    /// Without a report, as where no retry layer stands below, the class alone says it.
    pub(super) fn exposed(&self) -> Option<Exposure> {
        let Some(report) = &self.report else {
            let class = self.class.unwrap_or(Class::UnknownOutcome);
            return leaves_something(class)
                .then(|| Exposure::new(class.charge_probability(), None));
        };
        report.attempts().iter().rev().find_map(|attempt| {
            let class = attempt.class().unwrap_or(Class::UnknownOutcome);
            leaves_something(class).then(|| attempt.exposure(class))
        })
    }

    /// What the target said last: the reason to ask another one. None where the caller would get a good
    /// answer, whichever attempt it is from.
    pub(super) fn reason(&self) -> Option<Class> {
        if matches!(self.class, None | Some(Class::Delivered)) {
            return None;
        }
        match &self.report {
            Some(report) if !report.attempts().is_empty() => {
                report.attempts().last().and_then(Attempt::class)
            }
            _ => self.class,
        }
    }
}

/// Whether an attempt that ended so may be running and charged, without a picture.
pub(super) fn leaves_something(class: Class) -> bool {
    class.is_possibly_charged() && class != Class::Delivered
}
