//! Which column of a CSV file is what.
//!
//! A map is checked when it is read, as far as that can be done without the file: what it names is looked for in the
//! first line later.

use longhaul::Currency;
use serde::Deserialize;

use super::time_format::TimeFormat;
use crate::error::{LedgerError, LedgerErrorKind};

/// Which column of a provider's CSV file is what; from a small TOML file.
///
/// ```
/// use longhaul_ledger::reconcile::ColumnMap;
///
/// # fn main() -> Result<(), longhaul_ledger::LedgerError> {
/// let map = ColumnMap::from_toml("map.toml", r#"
///     id = "Log ID"                       # names a row, once in the whole log; may be left out
///     request_id = "Request ID"           # may be left out
///     model = "Model"                     # may be left out
///     delimiter = ";"                     # default a comma
///
///     [time]
///     column = "Time"
///     is = "end"                          # when the call began ("start") or ended
///     format = "%Y-%m-%d %H:%M:%S"        # as of strftime; "rfc3339", "unix" and "unix-ms" are known too
///     zone = "Asia/Shanghai"              # where the format has no offset of its own
///
///     [duration]                          # may be left out
///     column = "Seconds"
///     unit = "s"                          # or "ms", "us", "min"
///
///     [amount]
///     column = "Cost"
///     currency = "USD"                    # or `currency_column`
///     per_unit = 500000                   # so many make one unit of the currency; default 1
///
///     [kind]                              # may be left out: then every row is a charge
///     column = "Type"
///     charge = ["Consume"]
///     refund = ["Refund"]                 # all others are neither
/// "#)?;
/// # let _ = map;
/// # Ok(()) }
/// ```
///
/// Names of columns are compared letter by letter, capitals too; spaces around a name in the file do not count. For an
/// example that reads a file with one see [`read`](super::read).
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnMap {
    pub(super) id: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) delimiter: u8,
    pub(super) time: TimeColumn,
    pub(super) duration: Option<DurationColumn>,
    pub(super) amount: AmountColumn,
    pub(super) kind: Option<KindColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: Option<String>,
    request_id: Option<String>,
    model: Option<String>,
    delimiter: Option<char>,
    time: TimeTable,
    duration: Option<DurationColumn>,
    amount: AmountTable,
    kind: Option<KindColumn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimeTable {
    column: String,
    is: Moment,
    format: String,
    zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountTable {
    column: String,
    currency: Option<Currency>,
    currency_column: Option<String>,
    per_unit: Option<u64>,
}

/// Which moment of a call a log tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Moment {
    Start,
    End,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct TimeColumn {
    pub(super) column: String,
    pub(super) is: Moment,
    pub(super) format: TimeFormat,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DurationColumn {
    pub(super) column: String,
    pub(super) unit: Unit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    Us,
    Ms,
    S,
    Min,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct AmountColumn {
    pub(super) column: String,
    pub(super) currency: CurrencyOf,
    pub(super) per_unit: u64,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum CurrencyOf {
    All(Currency),
    Column(String),
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KindColumn {
    pub(super) column: String,
    pub(super) charge: Vec<String>,
    #[serde(default)]
    pub(super) refund: Vec<String>,
}

impl ColumnMap {
    /// Reads `text`, which is the file called `name`.
    ///
    /// ```
    /// use longhaul_ledger::reconcile::ColumnMap;
    ///
    /// let text = r#"
    ///     time = { column = "Finished", is = "end", format = "rfc3339" }
    ///     amount = { column = "Cost", currency = "USD" }
    /// "#;
    /// let refused = ColumnMap::from_toml("map.toml", text).unwrap_err();
    /// assert!(refused.to_string().starts_with("`time.is`"), "when did the calls begin? {refused}");
    /// ```
    ///
    /// # Errors
    ///
    /// [`LedgerErrorKind::File`] with line and column for what is no map, [`LedgerErrorKind::Setting`] with the key for
    /// what cannot work.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, LedgerError> {
        let file: File = toml::from_str(text).map_err(|error| not_a_map(name, text, &error))?;
        Self::checked(file)
    }

    /// A log that tells only when calls ended, without how long they took, could be joined by id alone: it is refused
    /// where it has none.
    fn checked(file: File) -> Result<Self, LedgerError> {
        if file.time.is == Moment::End && file.duration.is_none() && file.request_id.is_none() {
            return Err(LedgerError::setting(
                "time.is",
                "an end tells nothing without `duration`, unless there is a `request_id`",
            ));
        }
        let delimiter = match file.delimiter {
            None => b',',
            Some(given) => u8::try_from(given)
                .ok()
                .filter(|byte| byte.is_ascii() && !b"\"\r\n".contains(byte))
                .ok_or_else(|| {
                    LedgerError::setting("delimiter", format!("{given:?} cannot part columns"))
                })?,
        };
        let currency = match (file.amount.currency, file.amount.currency_column) {
            (Some(currency), None) => CurrencyOf::All(currency),
            (None, Some(column)) => CurrencyOf::Column(column),
            _ => {
                return Err(LedgerError::setting(
                    "amount.currency",
                    "give either this or `currency_column`",
                ));
            }
        };
        let per_unit = file.amount.per_unit.unwrap_or(1);
        if per_unit == 0 {
            return Err(LedgerError::setting("amount.per_unit", "must not be zero"));
        }
        Ok(Self {
            id: file.id,
            request_id: file.request_id,
            model: file.model,
            delimiter,
            time: TimeColumn {
                column: file.time.column,
                is: file.time.is,
                format: TimeFormat::new(file.time.format, file.time.zone)?,
            },
            duration: file.duration,
            amount: AmountColumn {
                column: file.amount.column,
                currency,
                per_unit,
            },
            kind: file.kind,
        })
    }

    pub(super) const fn currency(&self) -> Option<Currency> {
        match self.amount.currency {
            CurrencyOf::All(currency) => Some(currency),
            CurrencyOf::Column(_) => None,
        }
    }
}

fn not_a_map(name: &str, text: &str, error: &toml::de::Error) -> LedgerError {
    let before = error.span().and_then(|span| text.get(..span.start));
    let (line, column) = before.map_or((0, 0), |before| {
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
        (line as u64, column as u64)
    });
    LedgerErrorKind::File {
        file: name.to_owned(),
        line,
        column,
        why: error.message().to_owned(),
    }
    .into()
}

impl Unit {
    pub(super) const fn micros(self) -> i64 {
        match self {
            Self::Us => 1,
            Self::Ms => 1000,
            Self::S => 1_000_000,
            Self::Min => 60_000_000,
        }
    }
}
