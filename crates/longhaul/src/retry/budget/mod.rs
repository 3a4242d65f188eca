//! Money that duplicates may cost, and money that may be spent at all.

mod reservation;
mod spending;
#[cfg(test)]
mod tests;

pub use self::spending::{Balance, Spending};
pub(super) use self::{reservation::MoneyReservation, spending::may_be_charged};
use crate::{config::ConfigError, model::Money};

/// What duplicates may cost, all operations of a layer and of its clones together.
///
/// Every duplicate withdraws what it may waste: the probability that the attempt before it is charged ×
/// the price. A delivered picture deposits a share of its price. Nothing expires: at one picture in two
/// minutes, a budget that forgets after ten seconds protects nothing. What was withdrawn comes back if the
/// duplicate turns out to be free (never sent, refused). Where the balance does not reach, or the price is
/// not known, no duplicate is made ([`StoppedBy::Budget`](super::StoppedBy::Budget)).
///
/// Each currency has a balance of its own: the floor's begins at the floor, any other at nothing. A balance is never
/// below zero, and never grants more than the floor and the deposits.
///
/// ```
/// use longhaul::{Currency, retry::{ClassifyingRetryLayer, MoneyBudget, RetryPolicy}};
///
/// let mut policy = RetryPolicy::default();
/// policy.budget = Some(MoneyBudget::default());
/// let layer = ClassifyingRetryLayer::new(policy)?;
/// // Four more 4K pictures at $0.24 until something is delivered.
/// assert_eq!(layer.spending().unwrap().balance(Currency::USD).duplicates, 1_000_000);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MoneyBudget {
    /// What is there at the beginning. Default `"1.00 USD"`: four 4K pictures at $0.24.
    ///
    /// Spent once: it does not come back with time, only with delivered pictures.
    pub floor: Money,
    /// What a delivered picture adds, in thousandths of its price. Default 100: one duplicate in ten.
    pub deposit_per_mille: u16,
}

impl Default for MoneyBudget {
    fn default() -> Self {
        Self {
            floor: Money::usd_micros(1_000_000),
            deposit_per_mille: 100,
        }
    }
}

impl MoneyBudget {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        not_negative("floor", Some(self.floor))?;
        if self.deposit_per_mille > 1000 {
            return Err(ConfigError::new(
                "deposit_per_mille",
                format!(
                    "{} is more than was spent: at most 1000",
                    self.deposit_per_mille
                ),
            ));
        }
        Ok(())
    }
}

/// Refuses a bound below zero.
pub(super) fn not_negative(key: &str, bound: Option<Money>) -> Result<(), ConfigError> {
    match bound {
        Some(bound) if bound.micros < 0 => Err(ConfigError::new(key, "must not be negative")),
        _ => Ok(()),
    }
}
