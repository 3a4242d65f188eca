//! The sums of one stretch of time.

use std::collections::BTreeMap;

use longhaul::{Currency, Resolution};
use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

use super::{figures::Figures, sql};
use crate::{
    error::LedgerError,
    store::{Filter, Store},
};

/// The figures of the attempts that share these.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) provider: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) resolution: Resolution,
    pub(crate) currency: Option<Currency>,
    pub(crate) figures: Figures,
}

type Key = (Option<String>, Option<String>, String, Option<String>);

/// The sums over the attempts that `filter` lets pass, in the order of provider, model, resolution and currency.
pub(crate) async fn cells(store: &Store, filter: &Filter) -> Result<Vec<Cell>, LedgerError> {
    let (statement, arguments) = sql::statement(filter)?;
    let rows = sqlx::query_with(AssertSqlSafe(statement), arguments)
        .fetch_all(store.pool())
        .await?;
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
    sums.into_iter()
        .filter(|(_, figures)| *figures != Figures::default())
        .map(cell)
        .collect()
}

fn cell(
    ((provider, model, resolution, currency), figures): (Key, Figures),
) -> Result<Cell, LedgerError> {
    let unknown = |column, name: &str| LedgerError::row(column, format!("{name:?} is not known"));
    Ok(Cell {
        provider,
        model,
        resolution: Resolution::named(&resolution)
            .ok_or_else(|| unknown("resolution", &resolution))?,
        currency: match currency {
            Some(name) => Some(name.parse().map_err(|_| unknown("currency", &name))?),
            None => None,
        },
        figures,
    })
}

fn figures(row: &AnyRow) -> Result<Figures, LedgerError> {
    let sum = |index: usize| Ok::<i64, LedgerError>(row.try_get(4 + index)?);
    Ok(Figures {
        operations: sum(0)?,
        attempts: sum(1)?,
        delivered: sum(2)?,
        unpriced: sum(3)?,
        certain_micros: sum(4)?,
        possible_micros: sum(5)?,
        expected_micros: sum(6)?,
        wasted_micros: sum(7)?,
        credited_micros: sum(8)?,
    })
}
