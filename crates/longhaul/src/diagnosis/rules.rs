//! From symptoms to a diagnosis: our own clock? an answer? a known cut-off? what do others show?

use std::{io, time::Duration};

use super::{
    Cause, Confidence, Diagnosis,
    cutoffs::{Cutoff, matching},
    history::Pattern,
    pace,
    symptoms::Symptoms,
};
use crate::{
    classify::Class,
    error::Clock,
    outcome::{End, Phase},
};

const RAISE_OR_GO_AROUND: &str = "raise its idle limit or go around it; the call was most likely made and charged: look it up in \
     the provider's log before sending it again";
const GO_DIRECT: &str = "take the direct way, without the proxy or VPN, or raise its idle limit; the calls were most likely \
     made and charged";
const CHECK_PATH: &str =
    "check the network; the call may be running and charged: look it up in the provider's log";
const NOT_THE_MODEL: &str =
    "raise the limit: such calls take longer; the call may still be running and charged";
const SLOW_MODEL: &str =
    "send fewer at once, later, or to another model; the call may still be running and charged";

/// What the symptoms show; `advice` is what the ending's kind and class advise by themselves.
pub(super) fn diagnose(symptoms: &Symptoms, advice: &'static str) -> Diagnosis {
    let mut found = Finding::of(symptoms);
    if let Some(sender) = symptoms.sender {
        found
            .evidence
            .push(format!("{sender} answered, not the provider"));
    }
    Diagnosis {
        cause: found.cause,
        confidence: found.confidence,
        evidence: found.evidence,
        advice: found.advice.unwrap_or(advice),
        text: found.text,
    }
}

struct Finding {
    cause: Cause,
    confidence: Confidence,
    text: String,
    evidence: Vec<String>,
    advice: Option<&'static str>,
}

impl Finding {
    fn new(cause: Cause, confidence: Confidence, text: impl Into<String>) -> Self {
        Self {
            cause,
            confidence,
            text: text.into(),
            evidence: Vec::new(),
            advice: None,
        }
    }

    fn shown_by(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    const fn advising(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }

    fn of(symptoms: &Symptoms) -> Self {
        if let Some((clock, limit)) = own_clock(symptoms) {
            return timed_out(symptoms, clock, limit);
        }
        match symptoms.class {
            Class::UnknownOutcome | Class::IntermediaryCut => cut(symptoms),
            Class::Undelivered => broken_answer(symptoms),
            Class::Delivered => delivered(symptoms),
            class => by_class(class),
        }
    }
}

/// Which of our clocks ended it. Without the error, the phase tells; its limit is then what was waited.
fn own_clock(symptoms: &Symptoms) -> Option<(Clock, Duration)> {
    if symptoms.end != Some(End::TimedOut) {
        return None;
    }
    symptoms.clock.or_else(|| {
        let clock = match symptoms.phase? {
            Phase::Connect => Clock::Start,
            Phase::Write => Clock::WriteProgress,
            Phase::Head => Clock::Head,
            Phase::Body => Clock::Body,
        };
        Some((clock, symptoms.silence.unwrap_or(symptoms.whole)))
    })
}

fn timed_out(symptoms: &Symptoms, clock: Clock, limit: Duration) -> Finding {
    let text = format!("our own limit of {} ended it: {clock}", seconds(limit));
    match clock {
        Clock::Connect | Clock::Start => Finding::new(Cause::NotReached, Confidence::Likely, text),
        Clock::WriteProgress | Clock::BodyIdle => {
            Finding::new(Cause::PathDead, Confidence::Possible, text)
        }
        Clock::Head | Clock::Attempt | Clock::Operation => waited(symptoms, clock, &text),
        Clock::Body => Finding::new(Cause::OwnClock(clock), Confidence::Certain, text),
    }
}

/// The model was waited for: too short, or longer than nearly all such calls take?
fn waited(symptoms: &Symptoms, clock: Clock, text: &str) -> Finding {
    let waited = symptoms.silence.unwrap_or_default();
    let Some(pace) = pace::of(symptoms.resolution) else {
        return Finding::new(Cause::OwnClock(clock), Confidence::Likely, text);
    };
    let usual = format!(
        "of {} pictures half take up to {}, 95 % up to {}",
        symptoms.resolution,
        seconds(pace.median),
        seconds(pace.p95),
    );
    let waited_so_long = format!("waited {} for the answer", seconds(waited));
    let finding = if waited < pace.p95 {
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

/// A connection that was closed in the silence, or a page of somebody who would not wait.
fn cut(symptoms: &Symptoms) -> Finding {
    let closed = symptoms.status.is_none();
    if closed && is_unacknowledged(symptoms) {
        let text = "what was sent is not acknowledged: the path is dead, not the model slow";
        return Finding::new(Cause::PathDead, Confidence::Likely, text)
            .shown_by("the operating system gave the connection up")
            .advising(CHECK_PATH);
    }
    let Some(silence) = symptoms.silence else {
        return Finding::new(Cause::Unknown, Confidence::Possible, "the connection broke");
    };
    if let (true, Some(Pattern::SameMoment { sockets, hosts })) = (closed, symptoms.pattern) {
        return local_proxy(silence, sockets, hosts);
    }
    match symptoms.pattern {
        Some(Pattern::SameSilence(cuts)) => {
            let finding = intermediary(symptoms, silence, Confidence::Certain);
            finding.shown_by(format!(
                "{cuts} connections to this host were cut after the same time, within {} s",
                symptoms.tolerance
            ))
        }
        _ => intermediary(symptoms, silence, Confidence::Likely),
    }
}

fn is_unacknowledged(symptoms: &Symptoms) -> bool {
    matches!(
        symptoms.os,
        Some(
            io::ErrorKind::TimedOut
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
        )
    )
}

/// Connections to several hosts have nothing but this side in common; those to one may also have lost that
/// host.
fn local_proxy(silence: Duration, sockets: usize, hosts: bool) -> Finding {
    let text = format!(
        "{sockets} connections that had begun at different times were closed in the same second, this one {} \
         after its request was sent: a proxy or VPN on this side, not the model",
        seconds(silence)
    );
    let confidence = if hosts {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    Finding::new(Cause::LocalProxy, confidence, text)
        .shown_by(format!("{sockets} connections died together"))
        .advising(GO_DIRECT)
}

/// Who gave up, as far as the seconds tell; a page names its sender, whose rows alone count then.
fn intermediary(symptoms: &Symptoms, silence: Duration, confidence: Confidence) -> Finding {
    let mut who = matching(silence, symptoms.tolerance, symptoms.status.is_none());
    if let Some(sender) = symptoms.sender {
        who.retain(|row| row.who.starts_with(sender));
    }
    let what = what_happened(symptoms, silence);
    let certain = confidence == Confidence::Certain;
    let finding = match who.first() {
        Some(row) if row.is_exact() => {
            let limit = row.from;
            let names = names(&who);
            let text = format!(
                "{what}: an intermediary with a {limit} s idle limit ({names}), not the model"
            );
            let limit = Duration::from_secs_f64(limit);
            Finding::new(Cause::Intermediary(Some(limit)), confidence, text)
        }
        _ if certain || symptoms.status.is_some() => {
            let text = format!("{what}: an intermediary gave up, not the model");
            let limit = certain.then_some(silence);
            Finding::new(Cause::Intermediary(limit), confidence, text)
        }
        Some(row) => {
            let text = format!("{what}: possibly {}", row.who);
            Finding::new(Cause::Intermediary(None), Confidence::Possible, text)
        }
        None => return Finding::new(Cause::Unknown, Confidence::Possible, what),
    };
    let sources = who.iter().map(|row| format!("{}: {}", row.who, row.source));
    let finding = sources.fold(finding, Finding::shown_by);
    finding.advising(RAISE_OR_GO_AROUND)
}

fn what_happened(symptoms: &Symptoms, silence: Duration) -> String {
    let silence = seconds(silence);
    match symptoms.status {
        None => format!("connection closed {silence} after the request was sent"),
        Some(status) => {
            let who = symptoms.sender.unwrap_or("something on the way");
            format!("{who} answered {status} {silence} after the request was sent")
        }
    }
}

/// The first two of those who give up then.
fn names(who: &[&'static Cutoff]) -> String {
    match who {
        [one] => format!("{} defaults to it", one.who),
        [one, two, ..] => format!("{} and {} default to it", one.who, two.who),
        [] => String::new(),
    }
}

fn broken_answer(symptoms: &Symptoms) -> Finding {
    let text = "the answer began and broke off: the picture was made and lost on the way";
    if is_unacknowledged(symptoms) {
        return Finding::new(Cause::PathDead, Confidence::Likely, text);
    }
    Finding::new(Cause::Unknown, Confidence::Possible, text)
}

fn delivered(symptoms: &Symptoms) -> Finding {
    let slow = pace::of(symptoms.resolution).filter(|pace| symptoms.whole > pace.p95);
    match slow {
        Some(pace) => {
            let text = format!(
                "delivered after {}; 95 % of such pictures take up to {}",
                seconds(symptoms.whole),
                seconds(pace.p95)
            );
            Finding::new(Cause::ModelSlow, Confidence::Certain, text).advising(SLOW_MODEL)
        }
        None => Finding::new(Cause::Unknown, Confidence::Possible, "delivered as usual"),
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
        Class::NeverSent => (Cause::NotReached, "nothing was sent"),
        Class::SentPartial | Class::RequestTimeout => {
            (Cause::PathDead, "the request did not get through whole")
        }
        Class::Refused => (Cause::Overload, "the peer refused the request unread"),
        _ => (Cause::Unknown, "the outcome is not known"),
    };
    Finding::new(cause, Confidence::Certain, text)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
