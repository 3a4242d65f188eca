//! What there is at all: for whoever asked for something else.
//!
//! A list that comes back empty looks like a ledger that is empty. So a person is told which months and providers there
//! are, and a wrong name is refused where it would silently match nothing.

use jiff::{civil::Date, tz::TimeZone};
use sqlx::{AssertSqlSafe, Row as _};

use super::{Store, first_id_at};
use crate::{
    error::LedgerError,
    period::{self, Period},
};

/// More than anybody reads.
const MONTHS: usize = 1200;

impl Store {
    /// The months in which attempts that ended were opened, each by its first day in `zone`.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use jiff::tz::TimeZone;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// assert!(ledger.store().months(&TimeZone::UTC).await?.is_empty());
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::Delivered, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// let months = store.months(&TimeZone::UTC).await?;
    /// assert_eq!((months.len(), months[0].day()), (1, 1), "this month, by its first day");
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// Attempts that run are not counted. Each month between the first and the last costs one lookup, whatever the
    /// number of its attempts; a damaged time far away is looked for over 1,200 months at most.
    ///
    /// # Errors
    ///
    /// What the database says.
    pub async fn months(&self, zone: &TimeZone) -> Result<Vec<Date>, LedgerError> {
        let Some(extent) = self.extent().await? else {
            return Ok(Vec::new());
        };
        let mut months = Vec::new();
        let mut day = period::date_of(extent.start, zone).first_of_month();
        for _ in 0..MONTHS {
            let range = Period::month_of(day, zone.clone())?.range();
            if range.start >= extent.end {
                break;
            }
            let statement = "SELECT id FROM attempts WHERE id >= $1 AND id < $2 LIMIT 1";
            let found = sqlx::query(statement)
                .bind(first_id_at(range.start))
                .bind(first_id_at(range.end))
                .fetch_optional(self.pool());
            if self.patient(found).await?.is_some() {
                months.push(day);
            }
            day = period::date_of(range.end, zone).first_of_month();
        }
        Ok(months)
    }

    /// The names of all providers of attempts. Reads every row.
    ///
    /// By their names in the entries, as the layer that knew them wrote them, in the order of the alphabet; each once.
    ///
    /// ```
    /// # #[cfg(all(feature = "sqlite", unix))]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
    /// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
    /// # let store = {
    /// #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
    /// #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
    /// #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
    /// #     let (class, took) = (Class::Delivered, std::time::Duration::from_secs(100));
    /// #     let exposure = Exposure::new(class.charge_probability(), opening.price);
    /// #     let (slot, opened) = ledger.open_entry(opening);
    /// #     opened.await?;
    /// #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
    /// #     ledger.flush().await?;
    /// #     ledger.store().clone() };
    /// assert_eq!(store.providers().await?, ["relay.example.com"]);
    /// # Ok(()) }
    /// # #[cfg(not(all(feature = "sqlite", unix)))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// What the database says.
    pub async fn providers(&self) -> Result<Vec<String>, LedgerError> {
        let statement = "SELECT provider FROM attempts WHERE provider IS NOT NULL \
             UNION SELECT provider FROM running WHERE provider IS NOT NULL ORDER BY 1";
        let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(self.pool());
        let rows = self.patient(rows).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Refuses a provider that no attempt is of, where there are attempts of others.
    ///
    /// An empty ledger refuses nothing: a log may be read before the first call was made.
    pub(crate) async fn check_provider(&self, provider: &str) -> Result<(), LedgerError> {
        let known = self.providers().await?;
        if known.is_empty() || known.iter().any(|name| name == provider) {
            return Ok(());
        }
        let known = known.join(", ");
        let why = format!("{provider:?} is in no entry; the ledger knows {known}");
        Err(LedgerError::setting("provider", why))
    }
}
