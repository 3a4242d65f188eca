//! A book of rules as it stands in a file.
//!
//! The shape of the file is apart from the rules that are used: here a field may be missing or wrong, there every value
//! was checked. Unknown keys are refused at every depth, since a misspelt rule would silently be off.

use std::{fmt, str::FromStr, time::Duration};

use jiff::civil::Date;
use longhaul::{ConfigError, Money, billing::Pattern};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    amount::{self, Amount},
    book::{ProviderTerms, Terms},
};
use crate::period;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    pub(super) providers: Vec<Provider>,
}

/// One `[[providers]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    provider: String,
    time_zone: String,
    #[serde(deserialize_with = "duration")]
    settlement: Duration,
    charged_though_refused: Option<Rule>,
    no_image: Option<Rule>,
    undelivered: Option<Rule>,
    duplicate: Option<Rule>,
    over: Option<Over>,
}

/// Every field may be left out: `[providers.no_image]` alone switches the rule on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    amount: Option<amount::AmountRow>,
    #[serde(default, deserialize_with = "parsed")]
    valid_from: Option<Date>,
    #[serde(default, deserialize_with = "parsed")]
    valid_until: Option<Date>,
    least_monthly_spend: Option<Money>,
}

/// The same with a limit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Over {
    #[serde(deserialize_with = "duration")]
    limit: Duration,
    amount: Option<amount::AmountRow>,
    #[serde(default, deserialize_with = "parsed")]
    valid_from: Option<Date>,
    #[serde(default, deserialize_with = "parsed")]
    valid_until: Option<Date>,
    least_monthly_spend: Option<Money>,
}

/// No term is longer: ten years.
///
/// So that no sum of a time and a term overflows.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

impl Provider {
    /// The terms, checked. The error names the field.
    pub(super) fn check(self) -> Result<ProviderTerms, ConfigError> {
        let named = |name: &'static str, rule: Option<Rule>| {
            rule.map(Rule::check)
                .transpose()
                .map_err(|error| error.under(name))
        };
        if self.settlement.is_zero() {
            return Err(ConfigError::new("settlement", "must not be zero"));
        }
        if self.settlement > LONGEST {
            return Err(ConfigError::new("settlement", "ten years are the most"));
        }
        let (limit, over) = match self.over {
            Some(over) if over.limit.is_zero() => {
                return Err(ConfigError::new(
                    "over.limit",
                    "zero would claim every call",
                ));
            }
            Some(over) if over.limit > LONGEST => {
                return Err(ConfigError::new("over.limit", "ten years are the most"));
            }
            Some(over) => (Some(over.limit), Some(over.rule())),
            None => (None, None),
        };
        Ok(ProviderTerms {
            name: Pattern::new("provider", &self.provider)?,
            zone: period::time_zone("time_zone", &self.time_zone)
                .map_err(|_| ConfigError::new("time_zone", not_a_zone(&self.time_zone)))?,
            settlement: self.settlement,
            limit,
            charged_though_refused: named("charged_though_refused", self.charged_though_refused)?,
            no_image: named("no_image", self.no_image)?,
            undelivered: named("undelivered", self.undelivered)?,
            duplicate: named("duplicate", self.duplicate)?,
            over: named("over", over)?,
        })
    }
}

fn not_a_zone(name: &str) -> String {
    format!("{name:?} is not a time zone such as \"Asia/Shanghai\"")
}

impl Over {
    fn rule(self) -> Rule {
        Rule {
            amount: self.amount,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            least_monthly_spend: self.least_monthly_spend,
        }
    }
}

impl Rule {
    fn check(self) -> Result<Terms, ConfigError> {
        if let (Some(from), Some(until)) = (self.valid_from, self.valid_until)
            && from > until
        {
            return Err(ConfigError::new(
                "valid_until",
                format!("{until} is before {from}"),
            ));
        }
        amount::check("least_monthly_spend", self.least_monthly_spend)?;
        let amount = self
            .amount
            .as_ref()
            .map_or(Ok(Amount::default()), Amount::read)
            .map_err(|error| error.under("amount"))?;
        Ok(Terms {
            amount,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            least_spend: self.least_monthly_spend,
        })
    }
}

/// A duration such as `"62days"`.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text).map_err(|error| {
        D::Error::custom(format!(
            "{text:?} is not a duration such as \"180s\": {error}"
        ))
    })
}

/// A string that has to be read as something.
fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|error| {
        D::Error::custom(format!(
            "{text:?} is not a date such as \"2026-03-01\": {error}"
        ))
    })
}
