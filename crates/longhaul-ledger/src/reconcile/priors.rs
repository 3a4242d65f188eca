//! How likely each ending is charged, out of verdicts.
//!
//! What is counted are attempts that some whole log decides. An attempt with a row has a verdict from any log, one
//! without a row only from a whole one: counted all together, charged ones would be too many, and every estimate too
//! high.
//!
//! The estimate is the mean of a Beta distribution whose prior counts for
//! [`prior_weight`](super::Options::prior_weight) attempts. With three verdicts it hardly moves, and with three hundred
//! it is nearly what the log says. A few verdicts of one kind never make it 0 or 1, unless the prior was that already.

use std::{collections::HashMap, ops::Range};

use longhaul::{
    Class,
    billing::{ChargeRule, ChargeRules},
};
use serde::Serialize;
use sqlx::Row as _;

use super::{attempts::Ended, verdict::Verdict};
use crate::{
    error::LedgerError,
    store::{Store, words},
};

/// How often an ending was charged at a provider, and what to expect of the next one.
///
/// A provider's habits are seen only in its log. With these rows in the policy the next exposure is nearer to the truth than the
/// class's own prior.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Estimate {
    /// The provider.
    ///
    /// As it stands in the ledger's entries.
    pub provider: String,
    /// What the ending means.
    pub class: Class,
    /// Attempts that ended so, and that a whole log decides.
    pub attempts: u64,
    /// How many of these attempts were charged.
    ///
    /// Also where it was given back later: the question is what the next exposure is.
    pub charged: u64,
    /// The probability that was assumed so far, in thousandths.
    ///
    /// From the policy's rows where one matches, else from the class.
    pub before_permille: u16,
    /// The estimate, in thousandths: the mean of a Beta distribution that begins at the probability assumed so far. A
    /// rule of `[[billing.charge_rules]]` takes it as its probability.
    pub permille: u16,
}

impl Estimate {
    /// Rounded to the nearest thousandth, in whole numbers.
    fn new(
        provider: &str,
        class: Class,
        (attempts, charged): (u64, u64),
        current: &ChargeRules,
        weight: u32,
    ) -> Self {
        let before = current
            .of(provider, class)
            .unwrap_or(class.charge_probability())
            .as_permille();
        let weight = u128::from(weight);
        let parts = weight + u128::from(attempts);
        let sum = weight * u128::from(before) + 1000 * u128::from(charged.min(attempts));
        let permille = (sum + parts / 2).checked_div(parts);
        Self {
            provider: provider.to_owned(),
            class,
            attempts,
            charged,
            before_permille: before,
            // At most 1000.
            permille: permille.map_or(before, |permille| permille as u16),
        }
    }

    /// The estimate as a rule of a policy.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::time::{Duration, SystemTime};
    /// use longhaul::policy::Policy;
    /// use longhaul_ledger::reconcile::{Coverage, LogFormat, Options, ProviderLog, prepare};
    ///
    /// # let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     opening.opened_at -= Duration::from_secs(200);
    /// #     let (class, took) = (Class::Overloaded, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let row = format!(r#"{{"created_at": {}, "type": 2, "quota": 120000, "use_time": 100}}"#, now - 100);
    /// let mut log = ProviderLog::new(LogFormat::new_api());
    /// log.add("log.json", row.as_bytes())?;
    /// let (mut options, day) = (Options::of("relay.example.com"), Duration::from_secs(86_400));
    /// options.coverage = Coverage::Whole;
    /// options.covers = Some(SystemTime::now() - day..SystemTime::now());
    /// // Its rows come at once.
    /// options.settle = Duration::ZERO;
    /// let prepared = prepare(&store, log, &options, |_| {}).await?;
    /// let estimate = &prepared.found().priors[0];
    /// // One charge where none was expected, against a prior that counts for twenty attempts.
    /// assert_eq!((estimate.before_permille, estimate.permille), (0, 48));
    /// let mut policy = Policy::nano_banana_pro();
    /// policy.billing.charge_rules.push(estimate.row());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub fn row(&self) -> ChargeRule {
        ChargeRule::new(&*self.provider, self.class, self.permille)
    }

    pub(super) fn to_toml(&self) -> String {
        format!(
            "# {} of {} charged; {} so far\n[[billing.charge_rules]]\nprovider = {}\nclass = \"{}\"\npermille = {}\n\n",
            self.charged,
            self.attempts,
            self.before_permille,
            toml::Value::from(&*self.provider),
            self.class,
            self.permille
        )
    }
}

/// Only attempts that a whole log decides count: of others the charged ones alone would have a verdict.
///
/// The log that is being read and those that were imported decide together: its own time comes as two arguments.
const CHARGED: &str = "SELECT a.class, COUNT(*) AS attempts, \
     SUM(CASE WHEN v.charged_micros > 0 THEN 1 ELSE 0 END) AS charged \
     FROM attempts a JOIN verdicts v ON v.entry = a.id \
     WHERE a.provider = $1 AND (a.opened_at >= $2 AND a.opened_at + a.duration_us <= $3 \
     OR EXISTS (SELECT 1 FROM imports i WHERE i.provider = a.provider \
     AND a.opened_at >= i.covers_from_at AND a.opened_at + a.duration_us <= i.settled_until_at)) \
     GROUP BY a.class";

/// What earlier logs decide.
const DECIDED: &str = "SELECT covers_from_at, settled_until_at FROM imports \
     WHERE provider = $1 AND covers_from_at IS NOT NULL AND settled_until_at IS NOT NULL";

/// A verdict on an attempt that has ended, not yet written.
#[derive(Debug)]
pub(super) struct NewVerdict {
    pub(super) opened_at: i64,
    pub(super) end: Ended,
    /// Whether the verdict that stands says that it was charged.
    pub(super) was_charged: Option<bool>,
    pub(super) is_charged: bool,
}

impl NewVerdict {
    fn is_in(&self, decided: &Range<i64>) -> bool {
        self.opened_at >= decided.start && self.end.closed_at <= decided.end
    }
}

/// Whether it counts as charged.
pub(super) const fn is_charged(verdict: &Verdict) -> bool {
    verdict.charged.micros > 0
}

/// The estimates for `provider` by all verdicts there are, as they will be once `new` ones stand among them and their log
/// decides what lies in `decides`; in the order of the classes. Writes nothing.
///
/// What is being written is added by hand and not read back: a dry run estimates too.
pub(super) async fn estimate(
    store: &Store,
    provider: &str,
    new: &[NewVerdict],
    decides: Option<Range<i64>>,
    current: &ChargeRules,
    weight: u32,
) -> Result<Vec<Estimate>, LedgerError> {
    let decides = decides.unwrap_or(i64::MAX..i64::MAX);
    let rows = sqlx::query(CHARGED)
        .bind(provider.to_owned())
        .bind(decides.start)
        .bind(decides.end)
        .fetch_all(store.pool());
    let mut counts: HashMap<Class, (u64, u64)> = HashMap::new();
    for row in store.patient(rows).await? {
        let class: String = row.try_get("class")?;
        let class = words::class(&class)
            .ok_or_else(|| LedgerError::row("class", format!("{class:?} is not known")))?;
        let count = |column| -> Result<u64, LedgerError> {
            let count: i64 = row.try_get(column)?;
            Ok(count.unsigned_abs())
        };
        counts.insert(class, (count("attempts")?, count("charged")?));
    }
    let rows = sqlx::query(DECIDED)
        .bind(provider.to_owned())
        .fetch_all(store.pool());
    let mut decided = vec![decides];
    for row in store.patient(rows).await? {
        decided.push(row.try_get(0)?..row.try_get(1)?);
    }
    for verdict in new {
        if !decided.iter().any(|decided| verdict.is_in(decided)) {
            continue;
        }
        let (attempts, charged) = counts.entry(verdict.end.class).or_default();
        *attempts += u64::from(verdict.was_charged.is_none());
        *charged = charged.saturating_sub(u64::from(verdict.was_charged == Some(true)))
            + u64::from(verdict.is_charged);
    }
    let mut estimates: Vec<_> = counts
        .into_iter()
        .map(|(class, counts)| Estimate::new(provider, class, counts, current, weight))
        .collect();
    estimates.sort_by_key(|estimate| Class::ALL.iter().position(|class| *class == estimate.class));
    Ok(estimates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_verdicts_move_a_prior_little_and_many_replace_it() {
        let current =
            ChargeRules::new(vec![ChargeRule::new("relay", Class::ServerError, 500)]).unwrap();
        for (class, counts, permille) in [
            (Class::UnknownOutcome, (0, 0), 900),
            (Class::UnknownOutcome, (1, 0), 857),
            (Class::UnknownOutcome, (20, 0), 450),
            (Class::UnknownOutcome, (980, 490), 508),
            (Class::ServerError, (20, 0), 250),
            (Class::NeverSent, (1000, 0), 0),
            (Class::Delivered, (1000, 1000), 1000),
        ] {
            let estimate = Estimate::new("relay", class, counts, &current, 20);
            assert_eq!(estimate.permille, permille, "{class} {counts:?}");
        }
        let estimate = Estimate::new("relay", Class::ServerError, (0, 0), &current, 0);
        assert_eq!(estimate.permille, 500);
    }
}
