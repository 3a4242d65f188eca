//! Money in integers: micro-units (a millionth of a unit) with a currency.
//!
//! Floats are not used: a sum over a year of calls has to be the sum of its entries, to the last digit, in every order. A
//! millionth of a dollar is fine enough for prices by token, and `i64` holds nine million million dollars of it.

use std::{fmt, str::FromStr};

use crate::{config::ConfigError, model::Probability};

/// A three-letter ISO 4217 code, in capitals.
///
/// ```
/// use longhaul::Currency;
///
/// let euro: Currency = "EUR".parse()?;
/// assert_ne!(euro, Currency::USD);
/// assert!("euro".parse::<Currency>().is_err());
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
///
/// No rate is known here, and none is guessed: amounts in two currencies are kept side by side, never added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollars.
    pub const USD: Self = Self(*b"USD");

    /// The code, e.g. `"USD"`.
    pub fn as_str(&self) -> &str {
        // Only capital ASCII letters get in.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl FromStr for Currency {
    type Err = ConfigError;

    /// Refuses whatever is not three capital ASCII letters, an empty string above all.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match *text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(ConfigError::new(
                "currency",
                format!("{text:?} is not a three-letter currency code such as \"USD\""),
            )),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in micro-units of one currency. Amounts in different currencies are never added.
///
/// Written as people write it, in code and in files: `"0.24 USD"`.
///
/// ```
/// use longhaul::Money;
///
/// let price: Money = "0.24 USD".parse().unwrap();
/// assert_eq!(price, Money::usd_micros(240_000));
/// assert_eq!(price.to_string(), "0.24 USD");
/// ```
///
/// Negative amounts can be written, for credits. A [`PriceTable`](crate::billing::PriceTable) refuses them as prices.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    /// Millionths of a unit: $0.24 is 240,000.
    pub micros: i64,
    /// The currency that those are millionths of.
    pub currency: Currency,
}

impl Money {
    /// `micros` millionths of one US dollar.
    pub const fn usd_micros(micros: i64) -> Self {
        Self {
            micros,
            currency: Currency::USD,
        }
    }

    /// The same currency, `factor` times the amount, held at the limits of `i64`.
    ///
    /// ```
    /// use longhaul::Money;
    ///
    /// assert_eq!(Money::usd_micros(134_400).times(4), Money::usd_micros(537_600));
    /// ```
    pub const fn times(self, factor: u32) -> Self {
        Self {
            micros: self.micros.saturating_mul(factor as i64),
            currency: self.currency,
        }
    }

    /// The expected amount at this probability, rounded down to a micro-unit.
    ///
    /// ```
    /// use longhaul::{Class, Money};
    ///
    /// let price = Money::usd_micros(240_000);
    /// assert_eq!(price.at(Class::ModelDeadline.charge_probability()), Money::usd_micros(72_000));
    /// ```
    pub const fn at(self, probability: Probability) -> Self {
        Self {
            micros: (self.micros as i128 * probability.as_permille() as i128 / 1000) as i64,
            currency: self.currency,
        }
    }

    /// Nothing, in the same currency.
    ///
    /// To begin a sum with, where the currency is only known from its first amount:
    ///
    /// ```
    /// use longhaul::Money;
    ///
    /// let prices = ["0.05 USD".parse::<Money>()?, "0.24 USD".parse()?];
    /// let sum = prices.iter().try_fold(prices[0].zero(), |sum, price| sum.checked_add(*price));
    /// assert_eq!(sum, Some(Money::usd_micros(290_000)));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn zero(self) -> Self {
        Self {
            micros: 0,
            currency: self.currency,
        }
    }

    /// The sum, or `None` where the currencies differ or the sum does not fit.
    ///
    /// ```
    /// use longhaul::Money;
    ///
    /// let (dollars, euros): (Money, Money) = ("0.24 USD".parse()?, "0.20 EUR".parse()?);
    /// assert_eq!(dollars.checked_add(dollars), Some(dollars.times(2)));
    /// assert_eq!(dollars.checked_add(euros), None, "nobody here changes money");
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Some(Self {
            micros: self.micros.checked_add(other.micros)?,
            currency: self.currency,
        })
    }
}

impl FromStr for Money {
    type Err = ConfigError;

    /// Reads `"0.24 USD"`: a number with at most six decimals, a blank, a currency code.
    ///
    /// # Errors
    ///
    /// If there is no number, more than six decimals, no currency, or more than `i64` holds in millionths. Exponents,
    /// thousands separators and a leading `+` are refused as well: in an amount of money they are more likely a slip than
    /// meant.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            ConfigError::new(
                "money",
                format!(
                    "{text:?} is not an amount such as \"0.24 USD\", with at most six decimals"
                ),
            )
        };
        let (amount, currency) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let (sign, digits) = match amount.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, amount),
        };
        let (units, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !(are_digits(units) && are_digits(decimals) && decimals.len() <= 6) {
            return Err(wrong());
        }
        let units: i64 = units.parse().map_err(|_| wrong())?;
        let decimals: i64 = format!("{decimals:0<6}").parse().map_err(|_| wrong())?;
        let micros = units
            .checked_mul(1_000_000)
            .and_then(|micros| micros.checked_add(decimals))
            .ok_or_else(wrong)?;
        Ok(Self {
            micros: sign * micros,
            currency: currency.trim().parse()?,
        })
    }
}

impl serde::Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.micros < 0 { "-" } else { "" };
        let micros = self.micros.unsigned_abs();
        let (units, rest) = (micros / 1_000_000, micros % 1_000_000);
        // Cents always, finer parts only where there are any.
        let digits = format!("{rest:06}");
        let digits = digits.trim_end_matches('0');
        write!(f, "{sign}{units}.{digits:0<2} {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_with_cents_and_no_more_than_needed() {
        assert_eq!(Money::usd_micros(240_000).to_string(), "0.24 USD");
        assert_eq!(Money::usd_micros(134_400).to_string(), "0.1344 USD");
        assert_eq!(Money::usd_micros(-1_000_000).to_string(), "-1.00 USD");
    }

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for micros in [0, 1, 134_400, 240_000, -1_000_000, i64::MAX, -i64::MAX] {
            let money = Money::usd_micros(micros);
            assert_eq!(money.to_string().parse(), Ok(money));
        }
        assert_eq!("3 USD".parse(), Ok(Money::usd_micros(3_000_000)));
        for wrong in [
            "",
            "USD",
            "0.24",
            "0.24USD",
            "0.24 usd",
            "0.2400001 USD",
            "1e3 USD",
            ".5 USD",
            "5. USD",
            "--1 USD",
            "+1 USD",
            "NaN USD",
            "9223372036855 USD",
            "0,24 USD",
        ] {
            assert!(wrong.parse::<Money>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn currencies_are_three_capital_letters_and_never_mix() {
        assert!("".parse::<Currency>().is_err());
        assert!("usd".parse::<Currency>().is_err());
        let eur = Money {
            micros: 1,
            currency: "EUR".parse().unwrap(),
        };
        assert_eq!(Money::usd_micros(1).checked_add(eur), None);
    }

    #[test]
    fn expected_amounts_stay_integral() {
        let price = Money::usd_micros(240_000);
        assert_eq!(price.at(Probability::permille(900)).micros, 216_000);
        assert_eq!(
            Money::usd_micros(i64::MAX).at(Probability::ONE).micros,
            i64::MAX
        );
    }
}
