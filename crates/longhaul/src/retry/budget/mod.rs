//! Money that duplicates may cost, and money that may be spent at all.

mod reservation;
mod spending;
#[cfg(test)]
mod tests;

pub use self::spending::{Balance, Spending};
pub(super) use self::{reservation::MoneyReservation, spending::may_be_charged};
use crate::{
    config::ConfigError,
    model::{Currency, Money},
};

/// What duplicates may cost, all operations of a layer and of its clones together.
///
/// Every duplicate withdraws what it may waste: the probability that the attempt before it is charged ×
/// the price. A delivered picture deposits a share of its price. Nothing expires: at one picture in two
/// minutes, a budget that forgets after ten seconds protects nothing. What was withdrawn comes back if the
/// duplicate turns out to be free (never sent, refused). Where the balance does not reach, or the price is
/// not known, no duplicate is made ([`StoppedBy::Budget`](super::StoppedBy::Budget)).
///
/// Each currency has a balance of its own, which begins at the floor. The balance is never below zero, and
/// never grants more than the floor and the deposits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MoneyBudget {
    /// What is there at the beginning, in millionths of the currency of the price row. Default 1,000,000:
    /// four 4K pictures at $0.24.
    pub floor_micros: i64,
    /// What a delivered picture adds, in thousandths of its price. Default 100: one duplicate in ten.
    pub deposit_per_mille: u16,
}

impl Default for MoneyBudget {
    fn default() -> Self {
        Self {
            floor_micros: 1_000_000,
            deposit_per_mille: 100,
        }
    }
}

impl MoneyBudget {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.floor_micros < 0 {
            return Err(ConfigError::new("floor_micros", "must not be negative"));
        }
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

/// The most that may be spent, all operations of a layer and of its clones together.
///
/// What was charged for certain counts, and what calls in flight cost, and those that may have been charged.
/// An attempt that could go over the cap is refused before it is sent
/// ([`ErrorKind::SpendingCap`](crate::ErrorKind::SpendingCap)), and so is one whose price is not known or
/// is in another currency: give what is free a price row of 0. What was never sent or was refused by the
/// provider is free again at its end.
///
/// The count is this process's, from its beginning: a cap, not an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpendingCap {
    /// In millionths of a unit of `currency`.
    pub micros: i64,
    /// The currency, as in the price rows.
    pub currency: Currency,
}

impl SpendingCap {
    /// So many millionths of a US dollar.
    pub const fn usd_micros(micros: i64) -> Self {
        Self {
            micros,
            currency: Currency::USD,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.micros < 0 {
            return Err(ConfigError::new("micros", "must not be negative"));
        }
        Ok(())
    }

    const fn money(&self, micros: i64) -> Money {
        Money {
            micros,
            currency: self.currency,
        }
    }
}
