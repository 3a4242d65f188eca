//! What is owed back, by rules that are data: providers differ in what they credit, and change it.

use std::{fmt, time::Duration};

use super::{
    assess::{ClaimInput, assess_claims},
    record::Record,
};
use crate::{
    attempt::OperationId,
    config::{ConfigError, nonzero},
    model::Money,
};

/// Which charged attempts the provider owes back.
///
/// Each attempt is claimed once at most, by the first rule of [`ClaimRule::ALL`] that applies to it, so
/// that no amount is claimed twice.
///
/// ```
/// use longhaul::billing::{ClaimRules, MemoryLedger};
///
/// // Of a provider that credits no slow calls.
/// let mut rules = ClaimRules::default();
/// rules.over = None;
/// for claim in MemoryLedger::new().claims(&rules) {
///     println!("{claim}");
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ClaimRules {
    /// A complete answer without an image. Default on.
    ///
    /// Also a refusal for content that came with a success, which is charged. A refusal with an error status is not.
    pub no_image: bool,
    /// A picture that was made and did not arrive. Default on.
    ///
    /// Not where the caller left in the middle: whoever does not wait is owed nothing.
    pub undelivered: bool,
    /// A further attempt that was charged beside the one that delivered. Default on.
    ///
    /// The first attempt that delivered is the one that was wanted; every other charged one of its operation is claimed.
    pub duplicate: bool,
    /// A call that took longer than this on the provider's clock; `None` for no such rule. Default 180 s.
    ///
    /// The figure is the guide's; set it to what your provider promises. In a file: `over = "180s"`.
    #[serde(with = "crate::config::duration::option")]
    pub over: Option<Duration>,
    /// A refusal, or an attempt that never reached the provider whole, that its log shows as charged. Default on.
    ///
    /// Found only with the provider's log: see [`ClaimInput::logged`].
    pub charged_though_refused: bool,
}

impl Default for ClaimRules {
    fn default() -> Self {
        Self {
            no_image: true,
            undelivered: true,
            duplicate: true,
            over: Some(Duration::from_secs(180)),
            charged_though_refused: true,
        }
    }
}

impl ClaimRules {
    /// Refuses a limit of zero, which would claim every call.
    ///
    /// ```
    /// use longhaul::billing::ClaimRules;
    ///
    /// let mut rules = ClaimRules::default();
    /// rules.over = Some(std::time::Duration::ZERO);
    /// assert_eq!(rules.validate().unwrap_err().field(), "over");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.over.map_or(Ok(()), |over| nonzero("over", over))
    }
}

/// Why money is owed back.
///
/// Tried in the order of [`ALL`](Self::ALL), and the first that applies takes the attempt, so that nothing is claimed twice.
///
/// ```
/// use longhaul::billing::ClaimRule;
///
/// assert_eq!(ClaimRule::ALL[0], ClaimRule::ChargedThoughRefused);
/// assert_eq!(ClaimRule::named("Over"), Some(ClaimRule::Over));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
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
    /// Charged by the provider's log, and free by its own rules.
    ChargedThoughRefused,
}

// In the order in which they are tried.
words! {
    ClaimRule {
        ChargedThoughRefused = "ChargedThoughRefused",
        NoImage = "NoImage",
        Undelivered = "Undelivered",
        Duplicate = "Duplicate",
        Over = "Over",
    }
}

/// How sure a claim is.
///
/// A claim that turns out wrong costs the trust that the next one needs: send what is [`Eligible`](Self::Eligible), and look up
/// what is to be [verified](Self::Verify) first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
pub enum ClaimConfidence {
    /// What was seen here is enough.
    Eligible,
    /// The provider's own log decides: whether it was charged, or how long it took there.
    Verify,
}

/// An amount that the provider owes back.
///
/// `Display` writes it as a sentence for whoever reads the list: `0.24 USD for attempt 2: charged beside the attempt that
/// delivered`.
///
/// The line in which an accountant gets it:
///
/// ```
/// use longhaul::billing::{Claim, ClaimConfidence};
///
/// /// Only what needs no look into the provider's log.
/// fn to_send(claims: &[Claim]) -> Vec<String> {
///     claims.iter().filter(|claim| claim.certainty == ClaimConfidence::Eligible).map(Claim::to_string).collect()
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Claim {
    /// Why it is owed: the first rule that applies.
    pub rule: ClaimRule,
    /// The operation that the attempt was a try of.
    pub operation: OperationId,
    /// Which of its attempts.
    pub attempt: u32,
    /// What the provider's log says was charged, else the price of the attempt; `None` where neither is known, which
    /// is not zero.
    pub amount: Option<Money>,
    /// How sure it is.
    pub certainty: ClaimConfidence,
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
            ClaimRule::ChargedThoughRefused => "charged although it was refused",
        };
        write!(f, " for attempt {}: {why}", self.attempt)?;
        match self.certainty {
            ClaimConfidence::Eligible => Ok(()),
            ClaimConfidence::Verify => f.write_str(" (to be checked against the provider's log)"),
        }
    }
}

/// The claims that follow from `records`, in their order.
///
/// Wants all records of an operation together, since duplicates are seen beside each other only. Attempts
/// that still run make no claim; and while one does, its operation does not count as undelivered yet.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase};
/// use longhaul::billing::{ClaimRule, ClaimRules, Closing, Opening, Record, claims};
///
/// // Charged, and the picture broke off half way.
/// let exposure = Exposure::new(Class::Undelivered.charge_probability(), Some(Money::usd_micros(240_000)));
/// let outcome = Outcome::new(End::Failed, Class::Undelivered, Phase::Body, Duration::from_secs(90), exposure);
/// let mut record = Record::open(Opening::new(OperationId::from_u128(1), 1));
/// record.closing = Some(Closing::new(outcome));
///
/// let found = claims([&record], &ClaimRules::default());
/// assert_eq!(found[0].rule, ClaimRule::Undelivered);
/// assert!(found[0].to_string().starts_with("0.24 USD for attempt 1: made and not delivered"));
/// ```
pub fn claims<'a, R>(records: R, rules: &ClaimRules) -> Vec<Claim>
where
    R: IntoIterator<Item = &'a Record>,
    R::IntoIter: Clone,
{
    let cases = records.into_iter().map(|record| ClaimInput {
        record,
        rules,
        logged: None,
    });
    assess_claims(cases).flatten().collect()
}
