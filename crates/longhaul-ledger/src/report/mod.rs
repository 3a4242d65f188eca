//! What was paid for, by day, provider, model and resolution.
//!
//! Each currency stands by itself: a row holds the amounts in one. An attempt counts on the day on which it was opened;
//! an operation is counted with its first attempt. What a provider's own log says of an attempt stands in the place of
//! the likelihood that its class has.
//!
//! ```
//! # #[cfg(all(feature = "sqlite", unix))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use std::time::{Duration, SystemTime};
//! use jiff::tz::TimeZone;
//! use longhaul_ledger::{Filter, Period, report::By};
//!
//! # let folder = tempfile::tempdir()?;
//! # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
//! # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
//! # let store = {
//! #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
//! #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
//! #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
//! #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
//! #     let exposure = Exposure::new(class.charge_probability(), opening.price);
//! #     let (slot, opened) = ledger.open_entry(opening);
//! #     opened.await?;
//! #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
//! #     ledger.flush().await?;
//! #     ledger.store().clone() };
//! let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
//! let period = Period::new(now - hour, now + hour, TimeZone::UTC)?;
//! let report = store.report(&period, &Filter::default()).await?;
//! let row = &report.by(&[By::Provider])[0];
//! assert_eq!((row.figures.attempts, row.figures.delivered), (1, 0));
//! assert_eq!(row.figures.wasted_micros, 240_000, "it was charged and brought no picture");
//! # Ok(()) }
//! # #[cfg(not(all(feature = "sqlite", unix)))]
//! # fn main() {}
//! ```
//!
//! The sums are made by the database, a day at a time: a month of a million attempts a day comes back as a few hundred
//! rows. Days are read by the key, so that a report on yesterday costs the same in a ledger of ten years.

mod cells;
mod figures;
mod sql;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;
use longhaul::{Currency, Resolution};
use serde::Serialize;

pub(crate) use self::cells::{Sums, cells};
pub use self::figures::Figures;
use crate::{
    error::LedgerError,
    period::{self, Period},
    store::{Filter, Store},
};

/// What was paid for in a period.
///
/// The rows tell apart everything that a report can; [`by`](Self::by) adds them up, without asking the database again.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// By day, provider, model, resolution and currency, in this order.
    ///
    /// A day on which nothing was opened has none.
    pub rows: Vec<Row>,
    /// Attempts that were opened in the period and have not ended; they are in no row.
    ///
    /// What they may cost is in no figure of the rows.
    pub running: Running,
    /// Attempts whose resolution or currency is not understood, since a newer version wrote it or it is damaged; they are
    /// in no row.
    ///
    /// Where it is not 0, every sum is too small.
    pub unread: u64,
}

/// The figures of some attempts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The day on which they were opened; `None` for all days.
    #[serde(
        serialize_with = "period::as_day",
        skip_serializing_if = "Option::is_none"
    )]
    pub day: Option<Date>,
    /// Their provider; `None` for all, or where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Their model; `None` for all, or where nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The resolution asked for; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// The currency of the amounts; `None` where no price is known.
    pub currency: Option<Currency>,
    /// The figures.
    ///
    /// In JSON its fields stand beside the row's own.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Attempts that have not ended.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use std::time::{Duration, SystemTime};
/// use jiff::tz::TimeZone;
/// use longhaul_ledger::{Filter, Period};
///
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// # let mut opening = longhaul::billing::Opening::new(longhaul::OperationId::from_u128(7), 1);
/// # opening.price = Some(longhaul::Money::usd_micros(240_000));
/// # let (slot, opened) = ledger.open_entry(opening);
/// # opened.await?;
/// // One attempt runs.
/// let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
/// let period = Period::new(now - hour, now + hour, TimeZone::UTC)?;
/// let report = ledger.store().report(&period, &Filter::default()).await?;
/// assert!(report.rows.is_empty() && !report.is_empty());
/// assert_eq!((report.running.attempts, report.running.unpriced), (1, 0));
/// assert_eq!(report.running.possible_micros.values().sum::<i128>(), 240_000);
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Running {
    /// How many attempts.
    pub attempts: u64,
    /// What they cost if all are charged, in millionths, by currency.
    ///
    /// Attempts without a known price are not in it.
    pub possible_micros: BTreeMap<Currency, i128>,
    /// How many have no known price.
    pub unpriced: u64,
}

/// What rows may be told apart by; the currency always is.
///
/// ```
/// use longhaul_ledger::report::By;
///
/// assert_eq!(By::ALL.map(By::name), ["day", "provider", "model", "resolution"]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum By {
    /// The day of opening.
    Day,
    /// The provider.
    Provider,
    /// The model.
    Model,
    /// The resolution asked for.
    Resolution,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Day, Self::Provider, Self::Model, Self::Resolution];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Resolution => "resolution",
        }
    }
}

/// So many days are asked for at a time.
///
/// As many statements as leave one connection of the store free.
const DAYS: usize = 3;

impl Store {
    /// What was paid for in `period`, of `filter`'s provider, model and class; its time and limit do not count.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::time::{Duration, SystemTime};
    /// use jiff::tz::TimeZone;
    /// use longhaul::Class;
    /// use longhaul_ledger::{Filter, Period};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::UnknownOutcome, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let (now, hour) = (SystemTime::now(), Duration::from_secs(3600));
    /// let period = Period::new(now - hour, now + hour, TimeZone::UTC)?;
    /// let mut filter = Filter::default();
    /// filter.class = Some(Class::UnknownOutcome);
    /// let total = store.report(&period, &filter).await?.by(&[])[0].figures;
    /// // Nobody knows whether it was charged: the most, and what is to be expected.
    /// assert_eq!((total.certain_micros, total.possible_micros, total.expected_micros), (0, 240_000, 216_000));
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// Days are those of the period's zone. Each day is read by itself, and after the attempts that run: a report beside a
    /// busy writer may show a later day as of a moment later, and an attempt that ends meanwhile as running and as ended.
    ///
    /// # Errors
    ///
    /// What the database says. Rows that are not understood are counted, and no error.
    pub async fn report(&self, period: &Period, filter: &Filter) -> Result<Report, LedgerError> {
        // In the other order one that ends meanwhile would be in neither, and its money nowhere.
        let running = self.still_running(period, filter).await?;
        let days = match self.extent().await? {
            Some(extent) => period
                .within(&extent)
                .map_or(Ok(Vec::new()), |period| period.days())?,
            None => Vec::new(),
        };
        let days = days.into_iter().map(|day| {
            let mut filter = filter.clone();
            filter.opened = Some(day.range);
            async move { Ok::<_, LedgerError>((day.date, cells(self, &filter).await?)) }
        });
        let days: Vec<_> = stream::iter(days).buffered(DAYS).try_collect().await?;
        let unread = days.iter().map(|(_, cells)| cells.unread).sum();
        let rows = days.into_iter().flat_map(|(date, cells)| {
            cells.known.into_iter().map(move |cell| Row {
                day: Some(date),
                provider: cell.provider,
                model: cell.model,
                resolution: Some(cell.resolution),
                currency: cell.currency,
                figures: cell.figures,
            })
        });
        Ok(Report {
            rows: rows.collect(),
            running,
            unread,
        })
    }

    async fn still_running(
        &self,
        period: &Period,
        filter: &Filter,
    ) -> Result<Running, LedgerError> {
        let mut filter = filter.clone();
        filter.opened = Some(period.range());
        filter.limit = None;
        let mut running = Running::default();
        for stored in self.running_of(&filter).await? {
            running.attempts += 1;
            match stored.record.opening.price {
                Some(price) => {
                    *running.possible_micros.entry(price.currency).or_default() +=
                        i128::from(price.micros);
                }
                None => running.unpriced += 1,
            }
        }
        Ok(running)
    }
}

impl Report {
    /// The rows, told apart by `columns` and by currency only, in their order.
    ///
    /// With no columns it is one row for each currency: the totals. The order of `columns` does not matter; rows are
    /// sorted by day, provider, model, resolution and currency.
    ///
    /// An operation whose attempts used two providers is counted at that of its first attempt.
    pub fn by(&self, columns: &[By]) -> Vec<Row> {
        let mut merged: BTreeMap<_, Row> = BTreeMap::new();
        for row in &self.rows {
            let kept = row.kept(columns);
            let key = (
                kept.day,
                kept.provider.clone(),
                kept.model.clone(),
                kept.resolution.map(Resolution::name),
                kept.currency,
            );
            merged
                .entry(key)
                .and_modify(|sum| sum.figures += kept.figures)
                .or_insert(kept);
        }
        merged.into_values().collect()
    }

    /// Whether nothing was opened in the period.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use jiff::tz::TimeZone;
    /// use longhaul_ledger::{Filter, Period, month};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// let january = Period::month_of(month("2026-01")?, TimeZone::UTC)?;
    /// let report = ledger.store().report(&january, &Filter::default()).await?;
    /// assert!(report.is_empty() && report.by(&[]).is_empty());
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.running.attempts == 0 && self.unread == 0
    }
}

impl Row {
    /// The same without the columns that are not among `columns`.
    fn kept(&self, columns: &[By]) -> Self {
        let has = |column| columns.contains(&column);
        Self {
            day: self.day.filter(|_| has(By::Day)),
            provider: self.provider.clone().filter(|_| has(By::Provider)),
            model: self.model.clone().filter(|_| has(By::Model)),
            resolution: self.resolution.filter(|_| has(By::Resolution)),
            currency: self.currency,
            figures: self.figures,
        }
    }
}
