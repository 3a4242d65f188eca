//! Everything that a diagnosis may look at, taken once and in the provider's time. The rules read nothing else, so that each
//! of them can be tested by writing the symptoms down.

use std::{io, time::Duration};

use http::StatusCode;

use crate::{
    attempt::{Attempt, after},
    error::{Clock, Error, ErrorKind},
    model::{
        Class, CutConnection, CutPattern as Pattern, End, Phase, Resolution, TimeScale,
        evidence::IN_BODY,
    },
};

/// All that a diagnosis goes by. Times are the provider's.
#[derive(Clone, Debug)]
pub(super) struct Symptoms {
    pub(super) class: Class,
    pub(super) end: Option<End>,
    pub(super) phase: Option<Phase>,
    /// Our own clock that ended it, and what it allows.
    pub(super) clock: Option<(Clock, Duration)>,
    /// What the operating system says of the connection.
    pub(super) os: Option<io::ErrorKind>,
    pub(super) status: Option<StatusCode>,
    pub(super) answered_by: Option<&'static str>,
    /// From the sent request to the head, or to the end where none came.
    pub(super) silence: Option<Duration>,
    /// From the beginning to the end.
    pub(super) whole: Duration,
    pub(super) resolution: Resolution,
    pub(super) pattern: Option<Pattern>,
    pub(super) tolerance: f64,
    /// What came back is no HTTP that is read.
    pub(super) malformed: bool,
    /// The id by which accepted work is collected.
    pub(super) task: Option<Box<str>>,
}

impl Symptoms {
    pub(super) fn of_attempt(attempt: &Attempt, class: Class) -> Self {
        let cut = cut(attempt);
        let route = attempt.route();
        let scale = cut.scale;
        let answered = attempt.timing().head.is_some();
        let outcome = attempt.outcome_now();
        Self {
            class,
            end: outcome.map(|outcome| outcome.end),
            phase: Some(attempt.phase()),
            clock: None,
            os: None,
            status: attempt.status(),
            answered_by: attempt.answered_by(),
            silence: (answered || attempt.timing().flushed.is_some())
                .then(|| cut.provider_silence()),
            whole: scale.provider(attempt.elapsed()),
            resolution: route
                .as_ref()
                .map_or(Resolution::Unknown, |route| route.resolution),
            pattern: route
                .filter(|_| is_cut(class, attempt))
                .and_then(|route| route.history.pattern(&cut)),
            tolerance: cut.tolerance(),
            malformed: attempt.is_malformed_response(),
            task: task(attempt, class),
        }
    }

    pub(super) fn of_error(error: &Error) -> Self {
        let class = error.class();
        let mut symptoms = match error.attempt() {
            Some(attempt) => Self::of_attempt(attempt, class),
            None => Self::bare(class),
        };
        symptoms.end = Some(error.end());
        if let ErrorKind::Timeout { clock, limit, .. } = *error.kind() {
            let scale = error
                .attempt()
                .map_or_else(TimeScale::default, |attempt| cut(attempt).scale);
            symptoms.clock = Some((clock, scale.provider(limit)));
        }
        symptoms.malformed |= matches!(error.kind(), ErrorKind::MalformedResponse { .. });
        symptoms.os = error.find_source::<io::Error>().map(io::Error::kind);
        symptoms
    }

    fn bare(class: Class) -> Self {
        Self {
            class,
            end: None,
            phase: None,
            clock: None,
            os: None,
            status: None,
            answered_by: None,
            silence: None,
            whole: Duration::ZERO,
            resolution: Resolution::Unknown,
            pattern: None,
            tolerance: 0.0,
            malformed: false,
            task: None,
        }
    }
}

/// The last id that the body of an answer names, where that is an accepted task's.
fn task(attempt: &Attempt, class: Class) -> Option<Box<str>> {
    if class != Class::Accepted {
        return None;
    }
    let evidence = attempt.evidence();
    let mut ids = evidence.request_ids.iter().rev();
    Some(ids.find(|id| id.from == IN_BODY)?.id.clone())
}

/// Remembers a broken connection, and says what the ending means with all that is remembered.
///
/// One cut whose seconds fit a known limit stays an [`UnknownOutcome`](Class::UnknownOutcome): the prior is
/// the same, servers crash at any second, and the diagnosis names the limit all the same. Once several cuts
/// make an idle limit certain it is an [`IntermediaryCut`](Class::IntermediaryCut), so that what goes by
/// the class, such as a fallback to another route, goes by what is known.
pub(crate) fn note_end(error: &Error, attempt: &Attempt, class: Class) -> Class {
    let malformed = matches!(error.kind(), ErrorKind::MalformedResponse { .. });
    if error.is_timeout() || malformed || !is_cut(class, attempt) {
        return class;
    }
    let pattern = note_cut(attempt);
    match (class, pattern) {
        (Class::UnknownOutcome, Some(Pattern::SameSilence(_))) => Class::IntermediaryCut,
        _ => class,
    }
}

/// The same for an answer: a proxy that gives up with a page of its own.
pub(crate) fn note_answer(attempt: &Attempt, class: Class) {
    if class == Class::IntermediaryCut {
        note_cut(attempt);
    }
}

fn note_cut(attempt: &Attempt) -> Option<Pattern> {
    let route = attempt.route()?;
    route.history.note_cut(&cut(attempt))
}

/// Whether a connection was cut while nothing but silence was on it.
fn is_cut(class: Class, attempt: &Attempt) -> bool {
    matches!(class, Class::UnknownOutcome | Class::IntermediaryCut)
        && attempt.timing().flushed.is_some()
        && !attempt.is_malformed_response()
}

/// The attempt as a cut, if that is what ended it.
fn cut(attempt: &Attempt) -> CutConnection {
    let timing = attempt.timing();
    let elapsed = attempt.elapsed();
    let flushed = timing.flushed.unwrap_or_default();
    let route = attempt.route();
    let started = attempt.started();
    CutConnection {
        started,
        silence: timing.head.unwrap_or(elapsed).saturating_sub(flushed),
        at: after(started, timing.head.unwrap_or(elapsed)),
        scale: route
            .as_ref()
            .map_or_else(TimeScale::default, |route| route.scale),
        route: route.map(|route| route.route),
    }
}
