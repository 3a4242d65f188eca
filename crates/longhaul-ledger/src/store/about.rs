//! What there is at all: for whoever asked for something else.

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
    /// ```no_run
    /// use jiff::tz::TimeZone;
    ///
    /// # async fn example(store: longhaul_ledger::Store) -> Result<(), longhaul_ledger::LedgerError> {
    /// // For a menu: only months of which there is something to show.
    /// for month in store.months(&TimeZone::UTC).await? {
    ///     println!("{}-{:02}", month.year(), month.month());
    /// }
    /// # Ok(()) }
    /// ```
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
