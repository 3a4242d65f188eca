use std::time::Duration;

use http::StatusCode;

use super::{RetryPolicy, StoppedBy};
use crate::{classify::Class, money::Money, outcome::End};

/// What the retry layer does about an ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Wait, then send again.
    Again {
        /// How long to wait.
        wait: Duration,
        /// Whether the earlier attempt may be running and charged.
        duplicate: bool,
    },
    /// Hand on what there is.
    Stop(StoppedBy),
}

/// An ending, with all that the verdict depends on. Build one from [`Situation::new`] to test a policy.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Situation {
    /// How the attempt ended.
    pub end: End,
    /// What that means.
    pub class: Class,
    /// The answer's status, if there was one.
    pub status: Option<StatusCode>,
    /// The number of the attempt that ended.
    pub attempt: u32,
    /// Duplicates made so far.
    pub duplicates: u32,
    /// The wait that the server asks for.
    pub told: Option<Duration>,
    /// The time until the operation's deadline.
    pub remaining: Duration,
    /// What an attempt takes at least.
    pub expected: Duration,
    /// What a further attempt costs, where that is known.
    pub price: Option<Money>,
    /// Whether the request body can be sent again.
    pub replayable: bool,
}

impl Situation {
    /// The first attempt ended so; nothing else stands in the way of another.
    pub const fn new(end: End, class: Class) -> Self {
        Self {
            end,
            class,
            status: None,
            attempt: 1,
            duplicates: 0,
            told: None,
            remaining: Duration::MAX,
            expected: Duration::ZERO,
            price: None,
            replayable: true,
        }
    }
}

impl RetryPolicy {
    /// What to do about an ending.
    ///
    /// Endings that sending again does not help stop first; then whatever bounds the policy sets, the
    /// cheapest to lift last: the body, the attempts, the duplicates, the told wait, the deadline.
    pub fn verdict(&self, situation: &Situation) -> Verdict {
        let Situation { class, told, .. } = *situation;
        if let Some(stopped_by) = final_class(class, situation.status) {
            return Verdict::Stop(stopped_by);
        }
        if !situation.replayable {
            return Verdict::Stop(StoppedBy::Body);
        }
        if situation.attempt >= self.attempts {
            return Verdict::Stop(StoppedBy::Attempts);
        }
        let duplicate = class.is_possibly_charged();
        if duplicate && !self.duplicates.allow(situation.duplicates, situation.price) {
            return Verdict::Stop(StoppedBy::Duplicates);
        }
        if told.is_some_and(|told| told > self.schedule.told) {
            return Verdict::Stop(StoppedBy::ToldWait);
        }
        let wait = self
            .schedule
            .wait(situation.attempt, situation.end, class, told);
        if wait.saturating_add(situation.expected) > situation.remaining {
            return Verdict::Stop(StoppedBy::Deadline);
        }
        Verdict::Again { wait, duplicate }
    }
}

/// Who stops the retrying because of what the ending means; `None` where it may go on.
fn final_class(class: Class, status: Option<StatusCode>) -> Option<StoppedBy> {
    match class {
        Class::Delivered => Some(StoppedBy::Success),
        Class::QuotaExhausted
        | Class::KeyReuse
        | Class::ClientError
        | Class::NoImage
        | Class::ContentBlocked
        | Class::Redirect => Some(StoppedBy::Class),
        // What a server does not implement it will not have learned five seconds later.
        Class::ServerError
            if matches!(status.map(|status| status.as_u16()), Some(501 | 505 | 511)) =>
        {
            Some(StoppedBy::Class)
        }
        Class::ServerError
        | Class::NeverSent
        | Class::SentPartial
        | Class::Refused
        | Class::RateLimited
        | Class::Overloaded
        | Class::Unavailable
        | Class::InFlight
        | Class::RequestTimeout
        | Class::ModelDeadline
        | Class::IntermediaryCut
        | Class::UnknownOutcome
        | Class::Undelivered => None,
    }
}
