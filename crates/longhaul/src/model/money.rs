//! Money in integers: micro-units (a millionth of a unit) with a currency.

use std::{fmt, str::FromStr};

use crate::{config::ConfigError, model::Probability};

/// A three-letter ISO 4217 code, in capitals.
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
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
pub struct Money {
    /// Millionths of a unit: $0.24 is 240,000.
    pub micros: i64,
    /// Which unit.
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
    pub const fn times(self, factor: u32) -> Self {
        Self {
            micros: self.micros.saturating_mul(factor as i64),
            currency: self.currency,
        }
    }

    /// The expected amount at this probability, rounded down to a micro-unit.
    pub const fn at(self, probability: Probability) -> Self {
        Self {
            micros: (self.micros as i128 * probability.as_per_mille() as i128 / 1000) as i64,
            currency: self.currency,
        }
    }

    /// Nothing, in the same currency.
    pub const fn zero(self) -> Self {
        Self {
            micros: 0,
            currency: self.currency,
        }
    }

    /// The sum, or `None` where the currencies differ or the sum does not fit.
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
        assert_eq!(price.at(Probability::per_mille(900)).micros, 216_000);
        assert_eq!(
            Money::usd_micros(i64::MAX).at(Probability::ONE).micros,
            i64::MAX
        );
    }
}
