//! From symptoms to a diagnosis: our own clock? an answer? a known cut-off? what do others show?
//!
//! The rules go from what we did ourselves to what others may have done: our own clock first, since that is certain; then
//! what answered; then the silence. Each step that finds nothing leaves the question to the next, and "nothing points
//! anywhere" is an answer too.

use std::{borrow::Cow, time::Duration};

use super::{
    Cause, Confidence, Diagnosis,
    cut::{cut, is_unacknowledged},
    symptoms::Symptoms,
};
use crate::{
    error::{Clock, advice},
    model::{Class, End, Phase},
};

const NOT_THE_MODEL: &str =
    "raise the limit: such calls take longer; the call may still be running and charged";
const SLOW_MODEL: &str =
    "send fewer at once, later, or to another model; the call may still be running and charged";

/// What the symptoms show; `advice` is what the ending's kind and class advise by themselves.
pub(super) fn diagnose(symptoms: &Symptoms, advice: &'static str) -> Diagnosis {
    let mut found = Finding::of(symptoms);
    if let Some(answered_by) = symptoms.answered_by {
        found
            .evidence
            .push(format!("{answered_by} answered, not the provider"));
    }
    Diagnosis {
        cause: found.cause,
        confidence: found.confidence,
        evidence: found.evidence,
        advice: found.advice.unwrap_or(Cow::Borrowed(advice)),
        text: found.text,
    }
}

pub(super) struct Finding {
    cause: Cause,
    confidence: Confidence,
    text: String,
    evidence: Vec<String>,
    advice: Option<Cow<'static, str>>,
}

impl Finding {
    pub(super) fn new(cause: Cause, confidence: Confidence, text: impl Into<String>) -> Self {
        Self {
            cause,
            confidence,
            text: text.into(),
            evidence: Vec::new(),
            advice: None,
        }
    }

    pub(super) fn shown_by(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    pub(super) fn advising(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn of(symptoms: &Symptoms) -> Self {
        if let Some((clock, limit)) = own_clock(symptoms) {
            return timed_out(symptoms, clock, limit);
        }
        if symptoms.malformed {
            let text = "what came back is no HTTP that is read here; nothing was cut";
            return Finding::new(Cause::MalformedResponse, Confidence::Certain, text)
                .advising(advice::MALFORMED);
        }
        match symptoms.class {
            Class::UnknownOutcome | Class::IntermediaryCut => cut(symptoms),
            Class::Undelivered => broken_answer(symptoms),
            Class::Delivered => delivered(symptoms),
            Class::Accepted => accepted(symptoms),
            class => by_class(class),
        }
    }
}

/// Which of our clocks ended it. Without the error, the phase tells; its limit is then what was waited.
///
/// In a report there is no error any more, only the attempt: the phase then stands for the clock.
fn own_clock(symptoms: &Symptoms) -> Option<(Clock, Duration)> {
    if symptoms.end != Some(End::TimedOut) {
        return None;
    }
    symptoms.clock.or_else(|| {
        let clock = match symptoms.phase? {
            Phase::Connect => Clock::Start,
            Phase::Write => Clock::WriteProgress,
            Phase::Head => Clock::Picture,
            Phase::Body => Clock::Silence,
            Phase::Unknown => return None,
        };
        Some((clock, symptoms.silence.unwrap_or(symptoms.whole)))
    })
}

fn timed_out(symptoms: &Symptoms, clock: Clock, limit: Duration) -> Finding {
    let text = format!("our own limit of {} ended it: {clock}", seconds(limit));
    match clock {
        Clock::Connect | Clock::Start => Finding::new(Cause::NotReached, Confidence::Likely, text),
        Clock::WriteProgress | Clock::Silence => {
            Finding::new(Cause::PathDead, Confidence::Possible, text)
        }
        Clock::Picture | Clock::Attempt | Clock::Operation => waited(symptoms, clock, &text),
    }
}

/// The model was waited for: too short, or longer than nearly all such calls take?
fn waited(symptoms: &Symptoms, clock: Clock, text: &str) -> Finding {
    let waited = symptoms.silence.unwrap_or_default();
    let Some([median, p95, _]) = symptoms.resolution.generation_quantiles() else {
        return Finding::new(Cause::OwnClock(clock), Confidence::Likely, text);
    };
    let usual = format!(
        "of {} pictures half take up to {}, 95 % up to {}",
        symptoms.resolution,
        seconds(median),
        seconds(p95),
    );
    let waited_so_long = format!("waited {} for the answer", seconds(waited));
    let finding = if waited < p95 {
        Finding::new(Cause::OwnClock(clock), Confidence::Certain, text).advising(NOT_THE_MODEL)
    } else {
        let text = format!(
            "no answer {} after the request was sent: the model is slower than 95 % of the time",
            seconds(waited)
        );
        Finding::new(Cause::ModelSlow, Confidence::Likely, text)
    };
    finding.shown_by(waited_so_long).shown_by(usual)
}

fn broken_answer(symptoms: &Symptoms) -> Finding {
    let text = "the answer began and broke off: the picture was made and lost on the way";
    if is_unacknowledged(symptoms) {
        return Finding::new(Cause::PathDead, Confidence::Likely, text);
    }
    Finding::new(Cause::Unknown, Confidence::Possible, text)
}

fn delivered(symptoms: &Symptoms) -> Finding {
    match symptoms.resolution.generation_quantiles() {
        Some([_, p95, _]) if symptoms.whole > p95 => {
            let text = format!(
                "delivered after {}; 95 % of such pictures take up to {}",
                seconds(symptoms.whole),
                seconds(p95)
            );
            Finding::new(Cause::ModelSlow, Confidence::Certain, text).advising(SLOW_MODEL)
        }
        _ => Finding::new(Cause::Unknown, Confidence::Possible, "delivered as usual"),
    }
}

/// The work goes on, and can be fetched by its id.
fn accepted(symptoms: &Symptoms) -> Finding {
    let text = "the provider took the work on, and has not done it yet";
    let finding = Finding::new(Cause::Accepted, Confidence::Certain, text);
    match &symptoms.task {
        Some(id) => finding.advising(format!(
            "collect it by its id, {id}, and do not send it again: the work goes on"
        )),
        None => finding,
    }
}

/// What the class alone tells.
fn by_class(class: Class) -> Finding {
    let (cause, text) = match class {
        Class::RateLimited => (Cause::Quota, "the provider limits the rate"),
        Class::QuotaExhausted => (Cause::Quota, "a quota or credit is used up"),
        Class::Overloaded => (Cause::Overload, "the model is overloaded"),
        Class::Unavailable => (Cause::Overload, "the service is out of order"),
        Class::ServerError => (Cause::Provider, "the provider failed"),
        Class::ModelDeadline => (
            Cause::Provider,
            "the provider's own deadline ended the work",
        ),
        Class::ContentBlocked => (Cause::Content, "the content was refused"),
        Class::NoImage => (Cause::Content, "the model made no picture of it"),
        Class::ClientError => (Cause::Request, "the request or the key is wrong"),
        Class::KeyReuse => (
            Cause::Request,
            "the idempotency key belongs to another request",
        ),
        Class::Redirect => (Cause::Request, "the provider is elsewhere"),
        Class::InFlight => (Cause::Request, "the same request is still running"),
        Class::NeverSent | Class::NotBegun => (Cause::NotReached, "nothing was sent"),
        Class::SentPartial | Class::RequestTimeout => {
            (Cause::PathDead, "the request did not get through whole")
        }
        Class::Refused => (Cause::Overload, "the peer refused the request unread"),
        _ => (Cause::Unknown, "the outcome is not known"),
    };
    Finding::new(cause, Confidence::Certain, text)
}

pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
