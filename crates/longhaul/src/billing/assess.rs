//! Whether an attempt is owed back: by its outcome, its operation's other attempts, and the provider's log.
//!
//! A claim goes to the provider, and one that is wrong costs the trust that the next one needs. So each rule asks first
//! whether the attempt was charged at all, then who ended it, then whether another attempt brought the picture; and says how
//! sure it is. The provider's own log, where it was read, outranks everything that was seen here.

use std::{collections::HashMap, time::Duration};

use super::{
    claims::{Claim, ClaimConfidence, ClaimRule, ClaimRules},
    record::{Closing, Record},
};
use crate::{
    attempt::OperationId,
    model::{Class, End, Money, Probability},
};

/// What the provider's own log says of an attempt: it stands in the place of charge rules and of our own clocks.
///
/// ```
/// use longhaul::{Money, billing::ProviderRecord};
///
/// // The log has no row of the attempt: it was not charged, whatever we thought.
/// let nothing = ProviderRecord { charged: Money::usd_micros(0), duration: None };
/// assert_eq!(nothing.charged.to_string(), "0.00 USD");
/// ```
///
/// With the log, an attempt that is free by its class may still be owed back:
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase};
/// use longhaul::billing::{ClaimInput, ClaimRule, ClaimRules, Closing, Opening, ProviderRecord, Record, assess_claims};
///
/// let price = Money::usd_micros(240_000);
/// let exposure = Exposure::new(Class::Overloaded.charge_probability(), Some(price));
/// let outcome = Outcome::new(End::Finished, Class::Overloaded, Phase::Body, Duration::from_secs(2), exposure);
/// let mut record = Record::open(Opening::new(OperationId::from_u128(1), 1));
/// record.closing = Some(Closing::new(outcome));
///
/// let rules = ClaimRules::default();
/// let case = |logged| ClaimInput { record: &record, rules: &rules, logged };
/// assert_eq!(assess_claims([case(None)]).flatten().count(), 0, "a refusal is free");
/// let logged = ProviderRecord { charged: price, duration: None };
/// let claim = assess_claims([case(Some(logged))]).flatten().next().unwrap();
/// assert_eq!((claim.rule, claim.amount), (ClaimRule::ChargedThoughRefused, Some(price)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProviderRecord {
    /// What was charged; nothing, where the log says so or has no row of the attempt.
    pub charged: Money,
    /// How long it took there, where the log says.
    ///
    /// It decides the rule [`over`](ClaimRules::over) alone; our own clock is then not asked.
    pub duration: Option<Duration>,
}

/// An attempt to judge, by which rules, and with what.
#[derive(Clone, Copy, Debug)]
pub struct ClaimInput<'a> {
    /// The attempt, as the ledger has it. One that still runs makes no claim.
    pub record: &'a Record,
    /// What its provider owes back.
    pub rules: &'a ClaimRules,
    /// What its provider's log says of it, where that was read.
    pub logged: Option<ProviderRecord>,
}

/// What is owed back of attempts that go by rules of their own: one answer for each of `cases`, in their order, `None`
/// where it is nothing. Wants all attempts of an operation together, as [`claims`](super::claims()) does.
///
/// For several providers in one ledger, each with rules of its own; with one set of rules [`claims`](super::claims()) is shorter.
///
/// ```
/// use longhaul::billing::{ClaimInput, ClaimRules, MemoryLedger, assess_claims};
///
/// let records = MemoryLedger::new().records();
/// let (strict, mut lenient) = (ClaimRules::default(), ClaimRules::default());
/// lenient.over = None;
/// let cases = records.iter().map(|record| ClaimInput {
///     record,
///     rules: if record.opening.provider.as_deref() == Some("relay") { &lenient } else { &strict },
///     logged: None,
/// });
/// assert_eq!(assess_claims(cases).flatten().count(), 0, "nothing was called yet");
/// ```
pub fn assess_claims<'a, C>(cases: C) -> impl Iterator<Item = Option<Claim>>
where
    C: IntoIterator<Item = ClaimInput<'a>>,
    C::IntoIter: Clone,
{
    let cases = cases.into_iter();
    let operations = OperationRecords::all(cases.clone().map(|case| case.record));
    cases.map(move |case| {
        let ClaimInput {
            record,
            rules,
            logged,
        } = case;
        let closing = record.closing.as_ref()?;
        let case = Case {
            attempt: record.opening.attempt,
            closing,
            logged,
            operation: operations.get(&record.opening.operation)?,
        };
        let (rule, certainty) = case.first_claim(rules)?;
        Some(Claim {
            rule,
            operation: record.opening.operation,
            attempt: record.opening.attempt,
            amount: logged
                .map(|logged| logged.charged)
                .or(closing.outcome.exposure.price),
            certainty,
        })
    })
}

/// What the attempts of an operation have to know of each other.
#[derive(Clone, Copy, Default)]
struct OperationRecords {
    /// The first attempt that delivered: the one picture that was wanted.
    delivered: Option<u32>,
    /// Whether any attempt still runs.
    running: bool,
}

impl OperationRecords {
    fn all<'a>(records: impl Iterator<Item = &'a Record>) -> HashMap<OperationId, Self> {
        let mut operations = HashMap::<_, Self>::new();
        for Record { opening, closing } in records {
            let operation = operations.entry(opening.operation).or_default();
            match closing {
                None => operation.running = true,
                Some(closing) if closing.outcome.class == Class::Delivered => {
                    let first = operation.delivered.get_or_insert(opening.attempt);
                    *first = opening.attempt.min(*first);
                }
                Some(_) => {}
            }
        }
        operations
    }
}

/// An attempt that has ended, and its operation.
struct Case<'a> {
    attempt: u32,
    closing: &'a Closing,
    logged: Option<ProviderRecord>,
    operation: &'a OperationRecords,
}

impl Case<'_> {
    fn first_claim(&self, rules: &ClaimRules) -> Option<(ClaimRule, ClaimConfidence)> {
        // What was not charged is not owed back: by the log, else by what its class, provider or answer says.
        let charged = self
            .logged
            .map_or_else(|| !self.is_free(), |logged| logged.charged.micros > 0);
        if !charged {
            return None;
        }
        ClaimRule::ALL.into_iter().find_map(|rule| {
            let certainty = match rule {
                ClaimRule::ChargedThoughRefused if rules.charged_though_refused => {
                    self.charged_though_refused()
                }
                ClaimRule::NoImage if rules.no_image => self.no_image(),
                ClaimRule::Undelivered if rules.undelivered => self.undelivered(),
                ClaimRule::Duplicate if rules.duplicate => self.duplicate(),
                ClaimRule::Over => self.over(rules.over?),
                _ => None,
            };
            Some((rule, certainty?))
        })
    }

    /// Whether it costs nothing, as far as its class, its provider's rules and its answer tell.
    ///
    /// Without the log this is all that is known, and a claim for what was never charged would be refused.
    fn is_free(&self) -> bool {
        let outcome = &self.closing.outcome;
        outcome.exposure.probability == Probability::ZERO || !outcome.class.is_possibly_charged()
    }

    fn charged_though_refused(&self) -> Option<ClaimConfidence> {
        let refused = match self.closing.outcome.class {
            // These have rules of their own, or brought the picture.
            Class::NoImage | Class::Undelivered | Class::Delivered => false,
            Class::ContentBlocked => !self.looks_like_a_success(),
            _ => self.is_free(),
        };
        (refused && self.is_logged_as_charged()).then_some(ClaimConfidence::Eligible)
    }

    fn no_image(&self) -> Option<ClaimConfidence> {
        match self.closing.outcome.class {
            Class::NoImage => Some(self.as_sure_as_charged()),
            // Refusing with an error status is free; only a refusal that looks like a success is charged.
            Class::ContentBlocked if self.looks_like_a_success() => Some(self.as_sure_as_charged()),
            _ => None,
        }
    }

    fn undelivered(&self) -> Option<ClaimConfidence> {
        let nothing_came = self.operation.delivered.is_none() && !self.operation.running;
        match self.closing.outcome.class {
            // Whoever leaves in the middle is owed nothing for it.
            Class::Undelivered if self.we_left() => None,
            // Which of our clocks ended it is not known here: the caller's own deadline, or a provider that stopped.
            Class::Undelivered if self.is_unlogged_timeout() => Some(ClaimConfidence::Verify),
            Class::Undelivered => Some(self.as_sure_as_charged()),
            Class::UnknownOutcome | Class::IntermediaryCut | Class::ModelDeadline => nothing_came
                .then_some(if self.is_logged_as_charged() {
                    ClaimConfidence::Eligible
                } else {
                    ClaimConfidence::Verify
                }),
            // An error that is rarely charged, and was.
            Class::RequestTimeout | Class::ServerError if self.is_logged_as_charged() => {
                nothing_came.then_some(ClaimConfidence::Eligible)
            }
            _ => None,
        }
    }

    fn duplicate(&self) -> Option<ClaimConfidence> {
        (self.operation.delivered? != self.attempt).then(|| self.as_sure_as_charged())
    }

    /// By the provider's own clock, where its log tells. Else only where the provider itself answered: how long a call
    /// took that was cut on the way, nobody here knows.
    fn over(&self, limit: Duration) -> Option<ClaimConfidence> {
        if let Some(duration) = self.logged.and_then(|logged| logged.duration) {
            return (duration > limit).then(|| self.as_sure_as_charged());
        }
        let clock = self.closing.provider_clock?;
        if self.closing.outcome.class == Class::IntermediaryCut || clock.at_most <= limit {
            return None;
        }
        Some(if clock.at_least > limit {
            self.as_sure_as_charged()
        } else {
            ClaimConfidence::Verify
        })
    }

    fn looks_like_a_success(&self) -> bool {
        self.closing
            .status
            .is_some_and(|status| status.is_success())
    }

    fn is_logged_as_charged(&self) -> bool {
        self.logged.is_some_and(|logged| logged.charged.micros > 0)
    }

    /// Whether the attempt was given up on this side while its answer came.
    fn we_left(&self) -> bool {
        matches!(self.closing.outcome.end, End::Cancelled | End::Superseded)
    }

    fn is_unlogged_timeout(&self) -> bool {
        self.closing.outcome.end == End::TimedOut && !self.is_logged_as_charged()
    }

    /// What this side broke off is no sure claim, even where it was charged for certain: the provider may say that the
    /// picture was on its way.
    fn as_sure_as_charged(&self) -> ClaimConfidence {
        let seen = self.closing.is_certainly_charged() && !self.we_left();
        if self.is_logged_as_charged() || seen {
            ClaimConfidence::Eligible
        } else {
            ClaimConfidence::Verify
        }
    }
}
