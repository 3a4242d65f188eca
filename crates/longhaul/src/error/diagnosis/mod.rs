//! Why a call ended as it did: our own clock, a slow model, an overload, or something on the way.
//!
//! An ending alone rarely tells: a connection that closes after 60.1 s of silence looks like a broken
//! provider and is a load balancer with a 60 s idle limit, while the model works on and charges. A
//! [`Diagnosis`] names the [`Cause`], how sure that is, what shows it, and what to do. It goes by
//!
//! 1. our own clocks, and whether the limit was shorter than such pictures usually take;
//! 2. the answer, if there was one, and whose page it is;
//! 3. the table of cut-offs, `cutoffs.txt`: after how many seconds who gives up;
//! 4. the [`RouteHistory`] that the layers keep: three cuts at one host within
//!    1.5 s of one value are no chance, and connections with different beginnings that die in the same second
//!    died of a proxy on this side.
//!
//! ```
//! # fn example(error: longhaul::Error) {
//! use longhaul::diagnosis::Cause;
//!
//! let diagnosis = error.diagnosis();
//! println!("{diagnosis}; {}", diagnosis.advice);
//! if let Cause::Intermediary(Some(limit)) = diagnosis.cause {
//!     println!("look for the proxy that gives up after {limit:?}");
//! }
//! # }
//! ```
//!
//! Customised: one history for several stacks, whose calls take the same way out.
//!
//! ```
//! use longhaul::{classify::ClassifyLayer, diagnosis::RouteHistory};
//!
//! let history = RouteHistory::new();
//! let one = ClassifyLayer::default().with_history(history.clone());
//! let two = ClassifyLayer::default().with_history(history);
//! ```

mod body_limit;
mod cause;
mod cut;
mod cutoffs;
mod rules;
mod symptoms;
#[cfg(test)]
mod tests;

pub use self::cause::{Cause, Confidence, Diagnosis};
use self::symptoms::Symptoms;
pub(crate) use self::{
    body_limit::body_limit,
    symptoms::{note_answer, note_end},
};
pub use crate::model::RouteHistory;
use crate::{
    attempt::Attempt,
    error::{Error, advice},
};

/// Why `error` came.
pub(crate) fn of_error(error: &Error) -> Diagnosis {
    let attempts = error.report().map(|report| report.attempts());
    if let Some(limit) = attempts.and_then(body_limit) {
        return body_limit::diagnosis(limit);
    }
    rules::diagnose(&Symptoms::of_error(error), advice::of(error))
}

/// Why an attempt ended as it did; `None` while it runs, and where it ended well and in time.
pub(crate) fn of_attempt(attempt: &Attempt) -> Option<Diagnosis> {
    let class = attempt.outcome_now()?.class;
    let symptoms = Symptoms::of_attempt(attempt, class);
    let diagnosis = rules::diagnose(&symptoms, class.advice());
    let well = class == crate::model::Class::Delivered && diagnosis.cause == Cause::Unknown;
    (!well).then_some(diagnosis)
}

/// What most of an operation's endings have as their cause; the later of equals. What others had is in the
/// evidence.
pub(crate) fn of_attempts(attempts: &[Attempt]) -> Option<Diagnosis> {
    if let Some(limit) = body_limit(attempts) {
        return Some(body_limit::diagnosis(limit));
    }
    let numbered = |attempt: &Attempt| Some((attempt.number(), of_attempt(attempt)?));
    let all: Vec<_> = attempts.iter().filter_map(numbered).collect();
    let count = |cause: Cause| all.iter().filter(|(_, one)| one.cause == cause).count();
    let (main, diagnosis) = all
        .iter()
        .max_by_key(|(number, one)| (count(one.cause), *number))?;
    let mut diagnosis = diagnosis.clone();
    for (number, one) in all.iter().filter(|(number, _)| number != main) {
        diagnosis.evidence.push(format!("attempt {number}: {one}"));
    }
    Some(diagnosis)
}
