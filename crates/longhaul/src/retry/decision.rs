use std::time::Duration;

use http::StatusCode;

use super::{RetryPolicy, StoppedBy};
use crate::model::{Class, End, Money, Probability};

/// What the retry layer does about an ending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RetryDecision {
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
    /// How likely it was charged, by what the answer says and what is known of its provider; else by its class.
    pub probability: Probability,
    /// The answer's status, if there was one.
    pub status: Option<StatusCode>,
    /// Attempts made so far that count: all but those that only collected an answer.
    pub attempt: u32,
    /// Duplicates made so far.
    pub duplicates: u32,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
    /// What the server says about sending again: `x-should-retry` and its relatives.
    pub server: Option<bool>,
    /// The time until the operation's deadline.
    pub remaining: Duration,
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
            probability: class.charge_probability(),
            status: None,
            attempt: 1,
            duplicates: 0,
            retry_after: None,
            server: None,
            remaining: Duration::MAX,
            price: None,
            replayable: true,
        }
    }
}

impl RetryPolicy {
    /// What to do about an ending.
    ///
    /// Endings that sending again does not help stop first; then a server that says no; then whatever bounds
    /// the policy sets, the cheapest to lift last: the body, the attempts, the duplicates, the retry-after limit,
    /// the deadline.
    ///
    /// A server's no always wins. Its yes makes an ordinary failure of a
    /// [`ClientError`](Class::ClientError) or of a status like 501, and nothing else: what may have been
    /// charged stays a duplicate. An answer that is [`InFlight`](Class::InFlight) is asked for again
    /// however many attempts there were.
    pub fn decision(&self, situation: &Situation) -> RetryDecision {
        let Situation {
            class, retry_after, ..
        } = *situation;
        if let Some(stopped_by) = final_class(situation) {
            return RetryDecision::Stop(stopped_by);
        }
        if !situation.replayable {
            return RetryDecision::Stop(StoppedBy::Body);
        }
        if situation.attempt >= self.attempts && class != Class::InFlight {
            return RetryDecision::Stop(StoppedBy::Attempts);
        }
        // Paying nothing twice is no duplicate.
        let free = situation.price.is_some_and(|price| price.micros == 0);
        let duplicate = situation.probability.is_a_risk() && !free;
        if duplicate && !self.duplicates.allow(situation.duplicates, situation.price) {
            return RetryDecision::Stop(StoppedBy::Duplicates);
        }
        if retry_after.is_some_and(|retry_after| retry_after > self.schedule.max_retry_after) {
            return RetryDecision::Stop(StoppedBy::RetryAfterTooLong);
        }
        let wait = self
            .schedule
            .wait(situation.attempt, situation.end, class, retry_after);
        if wait >= situation.remaining {
            return RetryDecision::Stop(StoppedBy::Deadline);
        }
        RetryDecision::Again { wait, duplicate }
    }
}

/// Who stops the retrying because of what the ending means; `None` where it may go on.
pub(super) fn final_class(situation: &Situation) -> Option<StoppedBy> {
    let told_to_go_on = situation.server == Some(true);
    match situation.class {
        Class::Delivered => Some(StoppedBy::Success),
        Class::QuotaExhausted
        | Class::KeyReuse
        | Class::Accepted
        | Class::NoImage
        | Class::ContentBlocked
        | Class::Redirect
        | Class::NotBegun => Some(StoppedBy::Class),
        Class::ClientError if !told_to_go_on => Some(StoppedBy::Class),
        // The certificate behind Cloudflare stays as it is.
        Class::NeverSent
            if situation
                .status
                .is_some_and(|status| status.as_u16() == 526) =>
        {
            Some(StoppedBy::Class)
        }
        // What a server does not implement it will not have learned five seconds later.
        Class::ServerError
            if !told_to_go_on
                && situation
                    .status
                    .is_some_and(|status| matches!(status.as_u16(), 501 | 505 | 511)) =>
        {
            Some(StoppedBy::Class)
        }
        _ if situation.server == Some(false) => Some(StoppedBy::Server),
        Class::ClientError
        | Class::ServerError
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
