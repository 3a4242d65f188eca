//! Sums that are honest about what is not known: two bounds and a count of attempts without a price, in place of one number.

use std::collections::BTreeMap;

use super::record::Record;
use crate::model::{Currency, Money, Probability};

/// What a number of attempts may have cost, each currency by itself.
///
/// ```
/// use longhaul::billing::{MemoryLedger, Totals};
///
/// let records = MemoryLedger::new().records();
/// for (currency, amounts) in Totals::of(&records).amounts {
///     println!("{currency}: {} for certain, {} at most", amounts.certain, amounts.possible);
/// }
/// ```
///
/// ```
/// use longhaul::{Currency, Money, OperationId, billing::{Opening, Record, Totals}};
///
/// // An attempt that runs, at a provider without a price row.
/// let totals = Totals::of(&[Record::open(Opening::new(OperationId::from_u128(1), 1))]);
/// assert_eq!(totals.unknown, 1, "it is in no sum, and it is not forgotten");
/// assert_eq!(totals.in_currency(Currency::USD), None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Attempts with a price, by its currency.
    pub amounts: BTreeMap<Currency, Amounts>,
    /// How many attempts may have been charged at a price that is not known: they are in no sum.
    pub unknown: u64,
}

/// Two sums in one currency; what was really charged lies between them.
///
/// They differ by what ended so that nobody here knows: a connection that broke while the model worked counts only in the second.
///
/// The second is what to compare a budget with; the distance of the two is what the provider's log would settle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Amounts {
    /// Charged for certain, as far as the classes tell.
    pub certain: Money,
    /// The most that may have been charged.
    pub possible: Money,
}

impl Totals {
    /// Sums up `records`. An attempt that still runs may be charged: it counts as possible.
    ///
    /// ```
    /// use longhaul::{Money, OperationId, billing::{Opening, Record, Totals}};
    ///
    /// let mut opening = Opening::new(OperationId::from_u128(1), 1);
    /// opening.price = Some(Money::usd_micros(240_000));
    /// let totals = Totals::of(&[Record::open(opening)]);
    /// let amounts = totals.in_currency(longhaul::Currency::USD).unwrap();
    /// assert_eq!((amounts.certain.micros, amounts.possible.micros), (0, 240_000), "it still runs");
    /// ```
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut totals = Self::default();
        for record in records {
            totals.add(record);
        }
        totals
    }

    /// The sums in `currency`; `None` where nothing was asked for at a price in it.
    pub fn in_currency(&self, currency: Currency) -> Option<Amounts> {
        self.amounts.get(&currency).copied()
    }

    fn add(&mut self, record: &Record) {
        let (price, probability) = match &record.closing {
            Some(closing) => {
                let exposure = closing.outcome.exposure;
                (exposure.price, Some(exposure.probability))
            }
            None => (record.opening.price, None),
        };
        let Some(price) = price else {
            if probability != Some(Probability::ZERO) {
                self.unknown += 1;
            }
            return;
        };
        let amounts = self.amounts.entry(price.currency).or_insert(Amounts {
            certain: price.zero(),
            possible: price.zero(),
        });
        if probability == Some(Probability::ONE) {
            add(&mut amounts.certain, price);
        }
        if probability != Some(Probability::ZERO) {
            add(&mut amounts.possible, price);
        }
    }
}

/// The currencies are the same; saturates at the range of `i64`.
const fn add(sum: &mut Money, price: Money) {
    sum.micros = sum.micros.saturating_add(price.micros);
}
