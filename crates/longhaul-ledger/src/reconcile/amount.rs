//! Amounts without floating point: decimals and quota units become millionths of a currency.
//!
//! A log is money: 0.1 + 0.2 has to be 0.3. The digits are kept as they were written, and only the last step, to
//! millionths, rounds.

use std::str::FromStr;

/// A decimal number, exact: `digits` × 10^-`scale`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Decimal {
    digits: i128,
    scale: u32,
}

/// More digits than any amount or span has; they keep all products below within `i128`.
///
/// 10^18 × 10^6 is 10^24, and `i128` holds 10^38.
const DIGITS: usize = 18;

impl FromStr for Decimal {
    type Err = String;

    /// Plain: an optional sign, digits, and a point before the fraction. No exponent, no thousands.
    ///
    /// What is written otherwise is refused with its text: to guess whether `1,234` is a thousand or a fraction is to
    /// guess money.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is not a plain decimal number such as 0.0825");
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = [whole, fraction].concat();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused());
        }
        if digits.trim_start_matches('0').len() > DIGITS || fraction.len() > DIGITS {
            return Err(format!("{text:?} has more than {DIGITS} digits"));
        }
        let digits: i128 = digits.parse().map_err(|_| refused())?;
        Ok(Self {
            digits: if negative { -digits } else { digits },
            scale: fraction.len() as u32,
        })
    }
}

impl Decimal {
    /// A number of quota units.
    pub(super) const fn whole(number: i64) -> Self {
        Self {
            digits: number as i128,
            scale: 0,
        }
    }

    /// `self` × `factor` / `divisor`, rounded to the nearest whole number, halves away from zero. `None` where it does
    /// not fit.
    ///
    /// Away from zero for both signs, so that a charge and its refund round alike.
    pub(super) fn scaled(self, factor: i64, divisor: u64) -> Option<i64> {
        let numerator = self.digits.checked_mul(i128::from(factor))?;
        let divisor = i128::from(divisor).checked_mul(10_i128.checked_pow(self.scale)?)?;
        let half = divisor / 2;
        let rounded = if numerator < 0 {
            numerator.checked_sub(half)? / divisor
        } else {
            numerator.checked_add(half)? / divisor
        };
        i64::try_from(rounded).ok()
    }

    /// Millionths, where `per_unit` of it make one unit of the currency.
    pub(super) fn micros(self, per_unit: u64) -> Result<i64, String> {
        self.scaled(1_000_000, per_unit)
            .ok_or_else(|| "the amount is out of range".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_become_millionths_exactly() {
        for (text, per_unit, micros) in [
            ("0.24", 1, 240_000),
            ("0.1", 1, 100_000),
            ("+00.30", 1, 300_000),
            (".05", 1, 50_000),
            ("5.", 1, 5_000_000),
            ("-0.0000005", 1, -1),
            ("0.0000004", 1, 0),
            ("120000", 500_000, 240_000),
            ("1", 500_000, 2),
            ("1", 3, 333_333),
            ("9007199254.740993", 1, 9_007_199_254_740_993),
        ] {
            let decimal: Decimal = text.parse().unwrap();
            assert_eq!(decimal.micros(per_unit), Ok(micros), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_number_is_refused() {
        for text in [
            "", "-", ".", "1,5", "1e3", "$1", "1.2.3", "NaN", "--1", "0x1", "１",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
        assert!("1234567890123456789".parse::<Decimal>().is_err());
        let far: Decimal = "999999999999999999".parse().unwrap();
        assert!(far.micros(1).is_err());
    }
}
