//! Who cuts a connection that nothing but silence was on.

use crate::model::CutPattern as Pattern;
use std::{io, time::Duration};

use super::{
    Cause, Confidence,
    cutoffs::{Cutoff, matching},
    rules::{Finding, seconds},
    symptoms::Symptoms,
};

const RAISE_OR_GO_AROUND: &str = "raise its idle limit or go around it; the call was most likely made and charged: look it up in \
     the provider's log before sending it again";
const GO_DIRECT: &str = "take the direct way, without the proxy or VPN, or raise its idle limit; the calls were most likely \
     made and charged";
const CHECK_PATH: &str =
    "check the network; the call may be running and charged: look it up in the provider's log";

/// A connection that was closed in the silence, or the page of an intermediary that gave up waiting.
pub(super) fn cut(symptoms: &Symptoms) -> Finding {
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

pub(super) fn is_unacknowledged(symptoms: &Symptoms) -> bool {
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

/// Who gave up, as far as the seconds tell; a page names its answered_by, whose rows alone count then.
fn intermediary(symptoms: &Symptoms, silence: Duration, confidence: Confidence) -> Finding {
    let mut who = matching(silence, symptoms.tolerance, symptoms.status.is_none());
    if let Some(answered_by) = symptoms.answered_by {
        who.retain(|row| row.who.starts_with(answered_by));
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
            let who = symptoms.answered_by.unwrap_or("something on the way");
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
