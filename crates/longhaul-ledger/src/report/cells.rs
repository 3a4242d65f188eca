//! The sums of one stretch of time.
//!
//! The smallest sums there are: one for each provider, model, resolution and currency that occurs in a stretch of time.
//! Reports add them up, and claims ask them what was spent in a month.

use std::collections::BTreeMap;

use longhaul::{Currency, Resolution};
use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

use super::{figures::Figures, sql};
use crate::{
    error::LedgerError,
    store::{Filter, Store, WITH_DRAFTS, words},
};

/// The figures of the attempts that share these.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) resolution: Resolution,
    pub(crate) currency: Option<Currency>,
    pub(crate) figures: Figures,
}

type Key = (Option<String>, Option<String>, String, Option<String>);

/// The sums over the attempts that `filter` lets pass, in the order of provider, model, resolution and currency.
///
/// A statement has four parts, whose rows of the same names are added here. What a log puts right may come to nothing
/// in the end; such a sum is left out.
pub(crate) async fn cells(store: &Store, filter: &Filter) -> Result<Cells, LedgerError> {
    let (statement, arguments) = sql::statement(filter, store.has(WITH_DRAFTS))?;
    let rows = sqlx::query_with(AssertSqlSafe(statement), arguments).fetch_all(store.pool());
    let rows = store.patient(rows).await?;
    let mut sums: BTreeMap<Key, Figures> = BTreeMap::new();
    for row in &rows {
        let key = (
            row.try_get(0)?,
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
        );
        *sums.entry(key).or_default() += figures(row)?;
    }
    // What was put right in another currency leaves nothing behind.
    let sums = sums
        .into_iter()
        .filter(|(_, figures)| *figures != Figures::default());
    let mut found = Cells::default();
    for (key, figures) in sums {
        match cell(key, figures) {
            Ok(cell) => found.known.push(cell),
            Err(_) => found.unread += figures.attempts.unsigned_abs(),
        }
    }
    Ok(found)
}

/// What was summed up.
///
/// What is not understood is left out of the sums and counted: a sum under a currency that is not known would be added
/// to nothing else.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    pub(crate) known: Vec<Sums>,
    /// Attempts whose resolution or currency is not understood.
    pub(crate) unread: u64,
}

fn cell(
    (provider, model, resolution, currency): Key,
    figures: Figures,
) -> Result<Sums, LedgerError> {
    let unknown = |column, name: &str| LedgerError::row(column, format!("{name:?} is not known"));
    Ok(Sums {
        provider,
        model,
        resolution: words::resolution(&resolution)
            .ok_or_else(|| unknown("resolution", &resolution))?,
        currency: match currency {
            Some(name) => Some(name.parse().map_err(|_| unknown("currency", &name))?),
            None => None,
        },
        figures,
    })
}

/// The columns follow the four names, in the order of `sql::statement`.
fn figures(row: &AnyRow) -> Result<Figures, LedgerError> {
    let count = |index: usize| Ok::<i64, LedgerError>(row.try_get(4 + index)?);
    let first = sql::COUNTS;
    // Each sum comes in two parts, neither of which can overflow.
    let sum = |index: usize| {
        let at = 4 + first + 2 * index;
        let (high, low): (i64, i64) = (row.try_get(at)?, row.try_get(at + 1)?);
        Ok::<i128, LedgerError>(i128::from(high) * i128::from(sql::PART) + i128::from(low))
    };
    Ok(Figures {
        operations: count(0)?,
        attempts: count(1)?,
        delivered: count(2)?,
        unpriced: count(3)?,
        certain_micros: sum(0)?,
        possible_micros: sum(1)?,
        expected_micros: sum(2)?,
        drafts_micros: sum(3)?,
        wasted_micros: sum(4)?,
        credited_micros: sum(5)?,
    })
}
