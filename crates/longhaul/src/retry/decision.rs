//! The decision as a function of plain values: no clock, no request, no state. A policy can be tested by a table, and the
//! report can be explained by calling it again.

use std::time::Duration;

use http::StatusCode;

use super::{RetryPolicy, StoppedBy};
use crate::model::{Class, End, Money, Probability};

/// What the retry layer does about an ending.
///
/// ```
/// use longhaul::{Class, End, retry::{RetryDecision, RetryPolicy, Situation}};
///
/// let policy = RetryPolicy::default();
/// let cut = Situation::new(End::Failed, Class::UnknownOutcome);
/// let RetryDecision::Again { duplicate, .. } = policy.decision(&cut) else { panic!() };
/// assert!(duplicate, "the call that was cut may be running and charged");
/// ```
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

/// An ending, with all that the decision depends on. Build one from [`Situation::new`] to test a policy.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, End, retry::{RetryDecision, RetryPolicy, Situation, StoppedBy}};
///
/// let mut situation = Situation::new(End::Finished, Class::Overloaded);
/// situation.retry_after = Some(Duration::from_secs(3_600));
/// let decision = RetryPolicy::default().decision(&situation);
/// assert_eq!(decision, RetryDecision::Stop(StoppedBy::RetryAfterTooLong));
/// ```
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
    /// Attempts so far that may be charged, or failed otherwise: all but those that were refused free of charge, that
    /// were never sent, or that only collected an answer. This one among them, if it is one.
    pub paid: u32,
    /// Attempts so far that were never sent, or not whole.
    pub unsent: u32,
    /// Attempts so far that were refused free of charge.
    pub refused: u32,
    /// Duplicates made so far.
    pub duplicates: u32,
    /// Since the operation began.
    pub elapsed: Duration,
    /// A cut of the route is known.
    pub cut_known: bool,
    /// Another target would be asked after this ending.
    pub other_target: bool,
    /// An answer without a picture that says nothing else either, and the first such one of the operation.
    pub empty_result: bool,
    /// The wait that the server asks for.
    pub retry_after: Option<Duration>,
    /// What the server says about sending again: `x-should-retry` and its relatives.
    ///
    /// `Some(false)` wins over everything else.
    pub server: Option<bool>,
    /// The time until the operation's deadline.
    ///
    /// A wait that reaches beyond it stops the operation with [`StoppedBy::Deadline`].
    pub remaining: Duration,
    /// What a further attempt costs, where that is known.
    ///
    /// 0 for what is free: such a call is no duplicate, however it ended.
    pub price: Option<Money>,
    /// Whether the request body can be sent again.
    pub replayable: bool,
}

impl Situation {
    /// The first attempt ended so; nothing else stands in the way of another.
    ///
    /// ```
    /// use longhaul::{Class, End, retry::{RetryDecision, RetryPolicy, Situation, StoppedBy}};
    ///
    /// // The third attempt that may be charged is the last one.
    /// let mut situation = Situation::new(End::Failed, Class::UnknownOutcome);
    /// situation.paid = 3;
    /// let decision = RetryPolicy::default().decision(&situation);
    /// assert_eq!(decision, RetryDecision::Stop(StoppedBy::Attempts));
    /// // On a route whose cut is known, it is not.
    /// situation.cut_known = true;
    /// assert!(matches!(RetryPolicy::default().decision(&situation), RetryDecision::Again { .. }));
    /// ```
    pub const fn new(end: End, class: Class) -> Self {
        Self {
            end,
            class,
            probability: class.charge_probability(),
            status: None,
            paid: 1,
            unsent: 1,
            refused: 1,
            duplicates: 0,
            elapsed: Duration::ZERO,
            cut_known: false,
            other_target: false,
            empty_result: false,
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
    /// Endings that sending again does not help stop first; then a server that says no; then the body; then, by what the
    /// ending cost:
    ///
    /// - what was **refused** free of charge goes on until `free_until`, or until the deadline; where another target
    ///   would be asked, twice at most, and not at all if the server asks for more than the schedule's overload;
    /// - what was **never sent** is tried `unsent_attempts` times, six; where another target would be asked, twice;
    /// - what **may be charged** goes on up to `paid_attempts`, and as far as the money for duplicates reaches;
    /// - an answer that is [`InFlight`](Class::InFlight) is asked for again, however many attempts there were;
    ///
    /// and last a wait that is longer than the server may ask for, or than the time that is left.
    ///
    /// A server's no always wins. Its yes makes an ordinary failure of a
    /// [`ClientError`](Class::ClientError) or of a status like 501, and nothing else: what may have been
    /// charged stays a duplicate. Whether the next attempt has time, and a route that can finish it, is asked apart:
    /// see [`worth`](Self::worth).
    pub fn decision(&self, situation: &Situation) -> RetryDecision {
        match self.decide(situation) {
            Ok((wait, duplicate)) => RetryDecision::Again { wait, duplicate },
            Err(stopped_by) => RetryDecision::Stop(stopped_by),
        }
    }

    fn decide(&self, situation: &Situation) -> Result<(Duration, bool), StoppedBy> {
        let Situation {
            class, retry_after, ..
        } = *situation;
        if let Some(stopped_by) = final_class(situation) {
            return Err(stopped_by);
        }
        if !situation.replayable {
            return Err(StoppedBy::Body);
        }
        // Paying nothing twice is no duplicate.
        let free = situation.price.is_some_and(|price| price.micros == 0);
        let duplicate = situation.probability.is_a_risk() && !free;
        let cost = match Cost::of(class) {
            // A refusal in a 200 may be charged all the same.
            Cost::Refused if duplicate => Cost::Paid,
            cost => cost,
        };
        let number = match cost {
            Cost::Refused => situation.refused,
            Cost::Unsent => situation.unsent,
            Cost::Paid | Cost::Collected => situation.paid,
        };
        let wait = self
            .schedule
            .wait(number, situation.end, class, retry_after);
        match cost {
            Cost::Refused => self.may_ask_again(situation, wait)?,
            Cost::Unsent if situation.unsent >= self.unsent_attempts => {
                return Err(StoppedBy::Unsent);
            }
            Cost::Unsent if situation.other_target && situation.unsent >= AT_FIRST_TARGETS => {
                return Err(StoppedBy::OtherTarget);
            }
            Cost::Paid if situation.paid >= self.paid_attempts_on(situation.cut_known) => {
                return Err(StoppedBy::Attempts);
            }
            Cost::Paid
                if duplicate && !self.duplicates_reach(situation.duplicates, situation.price) =>
            {
                return Err(StoppedBy::Duplicates);
            }
            Cost::Unsent | Cost::Paid | Cost::Collected => {}
        }
        if retry_after.is_some_and(|told| told > self.schedule.max_retry_after) {
            return Err(StoppedBy::RetryAfterTooLong);
        }
        if wait >= situation.remaining {
            return Err(StoppedBy::Deadline);
        }
        Ok((wait, duplicate))
    }

    /// Whether to ask once more, after `wait`, what was refused free of charge.
    fn may_ask_again(&self, situation: &Situation, wait: Duration) -> Result<(), StoppedBy> {
        let again = situation.elapsed.saturating_add(wait);
        if self.free_until.is_some_and(|until| again > until) {
            return Err(StoppedBy::FreeUntil);
        }
        let asks_for_long = situation
            .retry_after
            .is_some_and(|told| told > self.schedule.overload);
        if situation.other_target && (situation.refused >= AT_FIRST_TARGETS || asks_for_long) {
            return Err(StoppedBy::OtherTarget);
        }
        Ok(())
    }
}

/// So often a target is asked that others follow, while what it says is free.
///
/// Two and not one: a first refusal is often over after one wait, and asking elsewhere means another model or another price.
const AT_FIRST_TARGETS: u32 = 2;

/// What an ending cost, as far as the number of attempts is bounded by it.
///
/// Three allowances are kept apart by it. A dead host must not use up the attempts that are paid for, and an overload must
/// not use up either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cost {
    /// It may be charged, or it failed otherwise than free.
    Paid,
    /// The provider refused it, free of charge.
    Refused,
    /// It was not sent, or not whole.
    Unsent,
    /// It only asked for the answer of another.
    Collected,
}

impl Cost {
    pub(super) const fn of(class: Class) -> Self {
        match class {
            Class::RateLimited | Class::Overloaded | Class::Unavailable => Self::Refused,
            Class::NeverSent | Class::SentPartial | Class::Refused | Class::NotBegun => {
                Self::Unsent
            }
            Class::InFlight => Self::Collected,
            _ => Self::Paid,
        }
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
        | Class::ContentBlocked
        | Class::Redirect
        | Class::NotBegun => Some(StoppedBy::Class),
        // An empty answer is no refusal: one more may bring what it left out.
        Class::NoImage if !situation.empty_result => Some(StoppedBy::Class),
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
        | Class::Undelivered
        | Class::NoImage => None,
    }
}
