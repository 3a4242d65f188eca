use std::{collections::HashMap, fmt, time::Duration};

use super::record::{Closing, Record};
use crate::{
    ConfigError,
    attempt::OperationId,
    classify::{Class, Probability},
    money::Money,
    policy::{nonzero, scale},
};

/// Which charged attempts the provider owes back.
///
/// Each attempt is claimed once at most, by the first rule of [`ClaimRule::ALL`] that applies to it, so
/// that no amount is claimed twice.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct ClaimRules {
    /// A complete answer without an image. Default on.
    pub no_image: bool,
    /// A picture that was made and did not arrive. Default on.
    pub undelivered: bool,
    /// A further attempt that was charged beside the one that delivered. Default on.
    pub duplicate: bool,
    /// A call that took longer than this on the provider's clock; `None` for no such rule. Default 180 s.
    #[cfg_attr(feature = "serde", serde(with = "crate::duration::option"))]
    pub over: Option<Duration>,
}

impl Default for ClaimRules {
    fn default() -> Self {
        Self {
            no_image: true,
            undelivered: true,
            duplicate: true,
            over: Some(Duration::from_secs(180)),
        }
    }
}

impl ClaimRules {
    /// Refuses a limit of zero, which would claim every call.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.over.map_or(Ok(()), |over| nonzero("over", over))
    }

    /// These rules for a provider whose time runs `1 / factor` times as fast.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        self.over = self.over.map(|over| scale(over, factor));
        self
    }
}

/// Why money is owed back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum ClaimRule {
    /// Answered completely, without an image.
    NoImage,
    /// Made, and not arrived.
    Undelivered,
    /// Charged beside the attempt that delivered.
    Duplicate,
    /// Took too long.
    Over,
}

impl ClaimRule {
    /// Every rule, in the order in which they are tried.
    pub const ALL: [Self; 4] = [
        Self::NoImage,
        Self::Undelivered,
        Self::Duplicate,
        Self::Over,
    ];

    /// The rule of that [name](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// The name used in logs, ledgers and JSON; the same as in code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoImage => "NoImage",
            Self::Undelivered => "Undelivered",
            Self::Duplicate => "Duplicate",
            Self::Over => "Over",
        }
    }
}

impl fmt::Display for ClaimRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How sure a claim is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Certainty {
    /// What was seen here is enough.
    Eligible,
    /// The provider's own log decides: whether it was charged, or how long it took there.
    Verify,
}

/// An amount that the provider owes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Claim {
    /// Why.
    pub rule: ClaimRule,
    /// The operation.
    pub operation: OperationId,
    /// Which of its attempts.
    pub attempt: u32,
    /// The price of the attempt; `None` where no price is known, which is not zero.
    pub amount: Option<Money>,
    /// How sure it is.
    pub certainty: Certainty,
}

/// One line for a person.
impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.amount {
            Some(amount) => write!(f, "{amount}")?,
            None => f.write_str("an unknown amount")?,
        }
        let why = match self.rule {
            ClaimRule::NoImage => "answered without an image",
            ClaimRule::Undelivered => "made and not delivered",
            ClaimRule::Duplicate => "charged beside the attempt that delivered",
            ClaimRule::Over => "took longer than the provider promises",
        };
        write!(f, " for attempt {}: {why}", self.attempt)?;
        match self.certainty {
            Certainty::Eligible => Ok(()),
            Certainty::Verify => f.write_str(" (to be checked against the provider's log)"),
        }
    }
}

/// The claims that follow from `records`, in their order.
///
/// Wants all records of an operation together, since duplicates are seen beside each other only. Attempts
/// that still run make no claim; and while one does, its operation does not count as undelivered yet.
pub fn claims<'a, R>(records: R, rules: &ClaimRules) -> Vec<Claim>
where
    R: IntoIterator<Item = &'a Record>,
    R::IntoIter: Clone,
{
    let records = records.into_iter();
    let operations = Operation::all(records.clone());
    let claim = |record: &Record| {
        let closing = record.closing.as_ref()?;
        let case = Case {
            attempt: record.opening.attempt,
            closing,
            operation: operations.get(&record.opening.operation)?,
        };
        let (rule, certainty) = case.first_claim(rules)?;
        Some(Claim {
            rule,
            operation: record.opening.operation,
            attempt: record.opening.attempt,
            amount: closing.outcome.exposure.price,
            certainty,
        })
    };
    records.filter_map(claim).collect()
}

/// What the attempts of an operation have to know of each other.
#[derive(Clone, Copy, Default)]
struct Operation {
    /// The first attempt that delivered: the one picture that was wanted.
    delivered: Option<u32>,
    /// Whether any attempt still runs.
    running: bool,
}

impl Operation {
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
    operation: &'a Operation,
}

impl Case<'_> {
    fn first_claim(&self, rules: &ClaimRules) -> Option<(ClaimRule, Certainty)> {
        // What was not charged is not owed back: by its class, or by what this provider or answer says.
        let outcome = &self.closing.outcome;
        let free = outcome.exposure.probability == Probability::ZERO;
        if free || !outcome.class.is_possibly_charged() {
            return None;
        }
        ClaimRule::ALL.into_iter().find_map(|rule| {
            let certainty = match rule {
                ClaimRule::NoImage if rules.no_image => self.no_image(),
                ClaimRule::Undelivered if rules.undelivered => self.undelivered(),
                ClaimRule::Duplicate if rules.duplicate => self.duplicate(),
                ClaimRule::Over => self.over(rules.over?),
                _ => None,
            };
            Some((rule, certainty?))
        })
    }

    fn no_image(&self) -> Option<Certainty> {
        match self.closing.outcome.class {
            Class::NoImage => Some(self.as_sure_as_charged()),
            // Refusing with an error status is free; only a refusal that looks like a success is charged.
            Class::ContentBlocked if self.closing.status?.is_success() => {
                Some(self.as_sure_as_charged())
            }
            _ => None,
        }
    }

    fn undelivered(&self) -> Option<Certainty> {
        match self.closing.outcome.class {
            Class::Undelivered => Some(self.as_sure_as_charged()),
            Class::UnknownOutcome | Class::IntermediaryCut | Class::ModelDeadline => {
                let nothing_came = self.operation.delivered.is_none() && !self.operation.running;
                nothing_came.then_some(Certainty::Verify)
            }
            _ => None,
        }
    }

    fn duplicate(&self) -> Option<Certainty> {
        (self.operation.delivered? != self.attempt).then(|| self.as_sure_as_charged())
    }

    /// Only where the provider itself answered: how long a call took that was cut on the way, nobody here
    /// knows.
    fn over(&self, limit: Duration) -> Option<Certainty> {
        let clock = self.closing.provider_clock?;
        if self.closing.outcome.class == Class::IntermediaryCut || clock.at_most <= limit {
            return None;
        }
        Some(if clock.at_least > limit {
            self.as_sure_as_charged()
        } else {
            Certainty::Verify
        })
    }

    fn as_sure_as_charged(&self) -> Certainty {
        if self.closing.is_certainly_charged() {
            Certainty::Eligible
        } else {
            Certainty::Verify
        }
    }
}
