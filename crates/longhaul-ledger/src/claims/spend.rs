//! What was spent at a provider in a month.
//!
//! The sums are those of a report, so that what a claim goes by and what a person reads are the same number. Only
//! spending in the currency of the condition counts: nothing is converted.

use std::collections::HashMap;

use jiff::civil::Date;
use longhaul::{Currency, Money};

use super::book::ProviderTerms;
use crate::{
    error::LedgerError,
    period::Period,
    report::{self, Sums},
    store::{Filter, Store},
};

/// They differ by the attempts of which nobody knows whether they were charged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) certain: Money,
    pub(super) possible: Money,
}

/// Months that were asked for already, by time zone and first day.
pub(super) struct Spends<'a> {
    store: &'a Store,
    months: HashMap<(String, Date), Vec<Sums>>,
}

impl<'a> Spends<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self {
            store,
            months: HashMap::new(),
        }
    }

    /// What was spent at the providers of `terms` in the month of `date`, in `currency`.
    ///
    /// A name that matches the terms' pattern counts, also where several names of one provider stand in the ledger.
    pub(super) async fn of(
        &mut self,
        terms: &ProviderTerms,
        date: Date,
        currency: Currency,
    ) -> Result<Spent, LedgerError> {
        let zone = terms.zone.iana_name().unwrap_or("UTC").to_owned();
        let key = (zone, date.first_of_month());
        if !self.months.contains_key(&key) {
            let month = Period::month_of(date, terms.zone.clone())?;
            let cells = report::cells(self.store, &Filter::opened(month.range())).await?;
            self.months.insert(key.clone(), cells.known);
        }
        let zero = Money {
            micros: 0,
            currency,
        };
        let mut spent = Spent {
            certain: zero,
            possible: zero,
        };
        for cell in self.months.get(&key).into_iter().flatten() {
            let provider = cell.provider.as_deref().unwrap_or_default();
            if cell.currency == Some(currency) && terms.name.matches_in_any_case(provider) {
                // What is more than an amount can be is enough for any condition.
                let held = |sum: i128| i64::try_from(sum).unwrap_or(i64::MAX);
                let add = |to: &mut Money, sum| to.micros = to.micros.saturating_add(held(sum));
                add(&mut spent.certain, cell.figures.certain_micros);
                add(&mut spent.possible, cell.figures.possible_micros);
            }
        }
        Ok(spent)
    }
}
