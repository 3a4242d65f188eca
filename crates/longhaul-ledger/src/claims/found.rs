//! What is found: claims, and what stands beside them.

use std::time::{Duration, SystemTime};

use jiff::{civil::Date, tz::TimeZone};
use longhaul::{
    Money,
    billing::{ClaimConfidence, ClaimRule, ProviderRecord},
};
use serde::Serialize;

use super::state::ClaimState;
use crate::{error::LedgerError, period, store::Stored};

/// What was found.
///
/// ```no_run
/// use longhaul_ledger::{Filter, Store, claims::ClaimBook};
///
/// # async fn example(store: Store) -> Result<(), longhaul_ledger::LedgerError> {
/// let found = store.claims(&ClaimBook::default(), &Filter::default()).await?;
/// for claim in found.claims.iter().filter(|claim| claim.state.is_open()) {
///     println!("{}: {} {:?}", claim.stored.id, claim.rule, claim.amount);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The claims, in the order in which their attempts were opened.
    pub claims: Vec<FoundClaim>,
    /// What would be owed if more had been spent.
    pub withheld: Vec<Withheld>,
    /// Attempts that are not understood, since they are damaged or a newer version wrote them: they are in no claim.
    pub unread: Vec<LedgerError>,
}

/// One attempt that is owed back, or was claimed once.
///
/// What was exported keeps the amount that was claimed then: a price that is changed later changes no claim.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FoundClaim {
    /// The attempt, as it lies in the ledger.
    pub stored: Stored,
    /// Why it is owed.
    pub rule: ClaimRule,
    /// How sure that is, by what is known now.
    pub certainty: ClaimConfidence,
    /// How much: of an exported claim what was claimed. `None` where no price is known, which is not zero.
    pub amount: Option<Money>,
    /// Where it stands: not exported yet, with the provider, or answered.
    pub state: ClaimState,
    /// When it is overdue, once it was exported.
    pub due_at: Option<SystemTime>,
    /// What the provider's own log says of the attempt, where that was read.
    pub logged: Option<LogEntry>,
    /// The provider's time zone.
    pub zone: TimeZone,
    /// How long after its export it is overdue.
    pub settlement: Duration,
}

/// A row of a provider's own log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// Its name there; `None` where the log has no row of the attempt.
    pub id: Option<String>,
    /// What it charged, before anything was paid back.
    pub charged: Money,
    /// What it paid back.
    pub credited: Money,
    /// How long the call took on the provider's clock.
    pub duration: Option<Duration>,
}

/// Attempts that a rule would pay for, of a provider that wants more to be spent first.
///
/// Some providers credit only from a certain spending on. These are shown so that nobody wonders where they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Withheld {
    /// The provider, by its name in the ledger.
    pub provider: String,
    /// The rule.
    pub rule: ClaimRule,
    /// The month, by its first day in the provider's time zone.
    #[serde(serialize_with = "crate::period::as_month")]
    pub month: Date,
    /// What has to be spent in it.
    pub wanted: Money,
    /// The most that was spent, as far as the ledger knows.
    pub spent: Money,
    /// How many attempts would be owed back.
    pub attempts: u64,
}

impl FoundClaim {
    /// The month in which its attempt was opened, in the provider's time zone, by its first day.
    pub fn month(&self) -> Date {
        period::date_of(self.stored.record.opening.opened_at, &self.zone).first_of_month()
    }
}

impl LogEntry {
    pub(super) const fn for_judging(&self) -> ProviderRecord {
        ProviderRecord {
            charged: self.charged,
            duration: self.duration,
        }
    }
}
