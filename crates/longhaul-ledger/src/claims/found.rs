//! What is found: claims, and what stands beside them.
//!
//! What is found is plain data: it can be kept, sorted, shown and handed to an export, and holds no connection.

use std::time::{Duration, SystemTime};

use jiff::{civil::Date, tz::TimeZone};
use longhaul::{
    Money,
    billing::{ClaimConfidence, ClaimRule, ProviderRecord},
};
use serde::Serialize;

use super::state::ClaimState;
use crate::{error::LedgerError, period, store::Stored};

/// What [`Store::claims`](crate::Store::claims) found.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use longhaul_ledger::{Filter, claims::ClaimBook};
///
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// # let store = {
/// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
/// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
/// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
/// #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
/// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
/// #     let (slot, opened) = ledger.open_entry(opening);
/// #     opened.await?;
/// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
/// #     ledger.flush().await?;
/// #     ledger.store().clone() };
/// let found = store.claims(&ClaimBook::default(), &Filter::default()).await?;
/// let open = found.claims.iter().filter(|claim| claim.state.is_open()).count();
/// assert_eq!((open, found.withheld.len(), found.unread.len()), (1, 0, 0));
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The claims, in the order in which their attempts were opened.
    pub claims: Vec<FoundClaim>,
    /// What would be owed if more had been spent at the provider.
    ///
    /// One for each provider, rule and month.
    pub withheld: Vec<Withheld>,
    /// Attempts that are not understood, since they are damaged or a newer version wrote them: they are in no claim.
    ///
    /// Each names its entry and the column.
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
    /// How sure the claim is, by what is known now.
    ///
    /// It may rise after the export, when a log is read; the state tells where the claim stands with the provider.
    pub certainty: ClaimConfidence,
    /// How much is claimed; of an exported claim the amount that was claimed then. `None` where no price is known,
    /// which is not zero.
    pub amount: Option<Money>,
    /// Where the claim stands: not exported yet, with the provider, or answered.
    pub state: ClaimState,
    /// When the claim is overdue; `None` before it is exported.
    ///
    /// The time of the export and the [settlement](Self::settlement) that held then.
    pub due_at: Option<SystemTime>,
    /// What the provider's own log says of the attempt, where that was read.
    ///
    /// Where it is there, it decided the claim: neither our clocks nor the class's probability count beside it.
    pub logged: Option<LogEntry>,
    /// The provider's time zone.
    ///
    /// UTC where the book does not know the provider.
    pub zone: TimeZone,
    /// How long after its export the claim is overdue, by the book.
    pub settlement: Duration,
}

/// A row of a provider's own log.
///
/// It is filled by [`reconcile`](crate::reconcile::reconcile()), from the verdict that was written there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// The row's name in that log; `None` where the log has no row of the attempt.
    pub id: Option<String>,
    /// What the provider charged, before anything was paid back.
    ///
    /// Zero where the log covers the attempt and has no row of it.
    pub charged: Money,
    /// What the provider paid back.
    pub credited: Money,
    /// How long the call took on the provider's clock.
    ///
    /// The rule `over` goes by it where it is there.
    pub duration: Option<Duration>,
}

/// Attempts that a rule would pay for, of a provider that wants more to be spent first.
///
/// Some providers credit only from a certain spending on. These are shown so that nobody wonders where they are.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use longhaul_ledger::{Filter, claims::ClaimBook};
///
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// # let store = {
/// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
/// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
/// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
/// #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
/// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
/// #     let (slot, opened) = ledger.open_entry(opening);
/// #     opened.await?;
/// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
/// #     ledger.flush().await?;
/// #     ledger.store().clone() };
/// let plan = ClaimBook::from_toml(r#"
///     [[providers]]
///     provider = "relay.example.com"
///     time_zone = "UTC"
///     settlement = "30days"
///     [providers.no_image]
///     least_monthly_spend = "1000.00 USD"
/// "#, "plan.toml")?;
/// let found = store.claims(&plan, &Filter::default()).await?;
/// assert!(found.claims.is_empty());
/// let withheld = &found.withheld[0];
/// assert_eq!((withheld.attempts, withheld.spent.to_string()), (1, "0.24 USD".to_owned()));
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
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
    /// What has to be spent in that month for the rule to hold.
    ///
    /// The rule's `least_monthly_spend`.
    pub wanted: Money,
    /// The most that was spent, as far as the ledger knows.
    ///
    /// Certain and uncertain charges together: even that is too little.
    pub spent: Money,
    /// How many attempts would be owed back.
    pub attempts: u64,
}

impl FoundClaim {
    /// The month in which its attempt was opened, in the provider's time zone, by its first day.
    ///
    /// Exports are named by it, since a support settles by months.
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
