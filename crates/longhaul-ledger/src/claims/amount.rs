//! How much a rule gives back.
//!
//! Three forms cover what providers publish: what was charged, a part of it, or a fixed amount for each attempt. All of
//! it is whole numbers, in thousandths and millionths: an amount that a support computes with a pocket calculator must
//! come out the same here.

use longhaul::{ConfigError, Money};

/// How much a rule claims for an attempt: what was charged, a part of that, or a fixed amount.
///
/// Default: all of it.
///
/// ```
/// use longhaul::{Money, billing::ClaimRule};
/// use longhaul_ledger::claims::ClaimBook;
///
/// // Half of it, as agreed with this relay.
/// let book = ClaimBook::from_toml(r#"
///     [[providers]]
///     provider = "relay.example.com"
///     time_zone = "UTC"
///     settlement = "30days"
///     [providers.no_image]
///     amount = { share_permille = 500 }
/// "#, "terms.toml")?;
/// let terms = book.terms("relay.example.com").unwrap();
/// let owed = terms.amount(ClaimRule::NoImage, Some(Money::usd_micros(240_000)));
/// assert_eq!(owed, Some(Money::usd_micros(120_000)));
/// assert_eq!(terms.amount(ClaimRule::NoImage, None), None, "what is not known stays so");
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
///
/// Any other than the default is read from a file of rules: see [`DEFAULT_RULES`](super::DEFAULT_RULES) for the keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount {
    /// So much per attempt, whatever was charged; `None` for what was charged.
    fixed: Option<Money>,
    /// The part of it, in thousandths.
    share: u32,
    /// What it is divided by, in thousandths: the discount coefficient of recharges.
    divided_by: u32,
}

impl Default for Amount {
    fn default() -> Self {
        Self {
            fixed: None,
            share: 1000,
            divided_by: 1000,
        }
    }
}

/// The most that a rule may name, in millionths: a thousand million units.
///
/// A larger amount is a mistake in the file. With this bound no product of the rules overflows.
const MOST: i64 = 1_000_000_000_000_000;

/// Refuses nothing, less than nothing, and more than [`MOST`].
pub(super) fn check(key: &str, amount: Option<Money>) -> Result<(), ConfigError> {
    match amount {
        Some(amount) if !(1..=MOST).contains(&amount.micros) => {
            let why = format!("{amount} is not above zero, or more than a thousand million");
            Err(ConfigError::new(key, why))
        }
        _ => Ok(()),
    }
}

/// As it stands in a file.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AmountRow {
    each: Option<Money>,
    share_permille: Option<u32>,
    divided_by_permille: Option<u32>,
}

impl Amount {
    /// Checks `row`. The error names the field.
    ///
    /// A share of a fixed amount is refused, since it could as well be written as the amount: a file that says both
    /// probably means something else.
    pub(super) fn read(row: &AmountRow) -> Result<Self, ConfigError> {
        check("each", row.each)?;
        let share = row.share_permille.unwrap_or(1000);
        if share == 0 || share > 1000 {
            return Err(ConfigError::new(
                "share_permille",
                format!("{share} is not within 1 and 1000"),
            ));
        }
        if row.each.is_some() && row.share_permille.is_some() {
            return Err(ConfigError::new(
                "share_permille",
                "a fixed amount has no share",
            ));
        }
        let divided_by = row.divided_by_permille.unwrap_or(1000);
        if divided_by == 0 {
            return Err(ConfigError::new(
                "divided_by_permille",
                "must not be 0; 1000 divides by one",
            ));
        }
        Ok(Self {
            fixed: row.each,
            share,
            divided_by,
        })
    }

    /// What is claimed where `charged` was charged, rounded down to a micro-unit. `None` where that is not known.
    ///
    /// A fixed amount is owed whatever was charged, and also where no price is known. The currency is that of the fixed
    /// amount, or of what was charged.
    ///
    /// ```
    /// use longhaul::Money;
    /// use longhaul_ledger::claims::Amount;
    ///
    /// let all = Amount::default();
    /// assert_eq!(all.of(Some(Money::usd_micros(134_000))), Some(Money::usd_micros(134_000)));
    /// assert_eq!(all.of(None), None, "no price is not a price of zero");
    /// ```
    pub fn of(&self, charged: Option<Money>) -> Option<Money> {
        let base = self.fixed.or(charged)?;
        let micros = i128::from(base.micros) * i128::from(self.share) / i128::from(self.divided_by);
        Some(Money {
            micros: i64::try_from(micros).unwrap_or(i64::MAX),
            currency: base.currency,
        })
    }
}
