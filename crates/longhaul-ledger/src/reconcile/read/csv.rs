//! A log as CSV, by a map of its columns.
//!
//! Lines of another number of columns than the first are refused: a separator within an amount, which table programs
//! write in some countries, would otherwise move every value behind it.

use std::{io, time::Duration};

use csv::{ErrorKind, StringRecord};
use longhaul::{Currency, Money};

use super::{
    ColumnMap, Reading,
    columns::{CurrencyOf, Moment},
    refused, unreadable,
};
use crate::{
    error::LedgerError,
    reconcile::{
        amount::Decimal,
        row::{LogRow, RowKind},
    },
    store::time_of_day,
};

/// The columns are found once, by the names in the first line; after that only their numbers are used.
pub(super) fn read(
    map: &ColumnMap,
    name: &str,
    bytes: impl io::Read,
    reading: &mut Reading,
) -> Result<(), LedgerError> {
    let bytes = super::mark::skip(name, bytes)?;
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(map.delimiter)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let headers = csv.headers().map_err(|error| located(name, error))?;
    let columns = ColumnNumbers::find(map, headers).map_err(|why| refused(name, 1, 0, why))?;
    let mut record = StringRecord::new();
    while csv
        .read_record(&mut record)
        .map_err(|error| located(name, error))?
    {
        let line = record.position().map_or(0, csv::Position::line);
        let row = columns
            .row(map, &record, reading)
            .map_err(|wrong| refused(name, line, wrong.column as u64 + 1, wrong.why))?;
        reading.push(row, line);
    }
    Ok(())
}

/// The errors of the CSV reader, with line and column as far as it tells them.
fn located(name: &str, error: csv::Error) -> LedgerError {
    let line = error.position().map_or(0, csv::Position::line);
    let (column, why) = match error.kind() {
        ErrorKind::Io(_) => return unreadable(name, error),
        ErrorKind::Utf8 { err, .. } => (err.field() as u64 + 1, "it is not UTF-8".to_owned()),
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            let why = format!("the line has {len} columns, and the first line {expected_len}");
            (*len.min(expected_len) + 1, why)
        }
        _ => (0, error.to_string()),
    };
    refused(name, line, column, why)
}

/// The numbers of the columns.
///
/// All of them are within every record: the reader refuses records of another length.
struct ColumnNumbers {
    id: Option<usize>,
    request_id: Option<usize>,
    model: Option<usize>,
    time: usize,
    duration: Option<usize>,
    amount: usize,
    currency: Option<usize>,
    kind: Option<usize>,
}

/// What is wrong, and in which column.
struct Wrong {
    column: usize,
    why: String,
}

impl ColumnNumbers {
    /// A name that stands twice is refused: nobody knows which of the two is meant.
    fn find(map: &ColumnMap, headers: &StringRecord) -> Result<Self, String> {
        let column = |wanted: &str| {
            let mut found = (0..headers.len()).filter(|index| &headers[*index] == wanted);
            let first = found.next().ok_or_else(|| {
                let names: Vec<_> = headers.iter().collect();
                format!("there is no column {wanted:?}; there are {names:?}")
            })?;
            match found.next() {
                None => Ok(first),
                Some(_) => Err(format!("there are two columns {wanted:?}")),
            }
        };
        let optional = |wanted: Option<&str>| wanted.map(column).transpose();
        let currency = match &map.amount.currency {
            CurrencyOf::All(_) => None,
            CurrencyOf::Column(name) => Some(&**name),
        };
        Ok(Self {
            id: optional(map.id.as_deref())?,
            request_id: optional(map.request_id.as_deref())?,
            model: optional(map.model.as_deref())?,
            time: column(&map.time.column)?,
            duration: optional(map.duration.as_ref().map(|duration| &*duration.column))?,
            amount: column(&map.amount.column)?,
            currency: optional(currency)?,
            kind: optional(map.kind.as_ref().map(|kind| &*kind.column))?,
        })
    }

    /// The kind is that of the map's list; a charge below zero is money given back, whatever it is called. The amount
    /// of a row that is neither is not read: it may be empty or a word.
    fn row(
        &self,
        map: &ColumnMap,
        record: &StringRecord,
        reading: &mut Reading,
    ) -> Result<LogRow, Wrong> {
        // All records have as many columns as the headers.
        let filled = |column: Option<usize>| {
            let text = &record[column?];
            (!text.is_empty()).then_some(text)
        };
        let at = |column: usize| move |why: String| Wrong { column, why };
        let time = map.time.format.read(&record[self.time]);
        let time = time_of_day(time.map_err(at(self.time))?);
        let duration = match (self.duration, &map.duration, filled(self.duration)) {
            (Some(column), Some(duration), Some(text)) => {
                Some(span(text, duration.unit.micros()).map_err(at(column))?)
            }
            _ => None,
        };
        let listed = self.listed(map, record);
        let amount = match listed {
            RowKind::Other => 0,
            _ => record[self.amount]
                .parse()
                .and_then(|amount: Decimal| amount.micros(map.amount.per_unit))
                .map_err(at(self.amount))?,
        };
        let kind = match listed {
            RowKind::Charge if amount < 0 => RowKind::Credit,
            listed => listed,
        };
        Ok(LogRow {
            kind,
            id: filled(self.id).map(Into::into),
            request_id: filled(self.request_id).map(Into::into),
            model: reading.model(filled(self.model).unwrap_or_default()),
            start: match map.time.is {
                Moment::Start => Some(time),
                Moment::End => duration.and_then(|duration| time.checked_sub(duration)),
            },
            logged_at: time,
            duration,
            amount: Money {
                micros: amount
                    .checked_abs()
                    .ok_or_else(|| at(self.amount)("the amount is out of range".to_owned()))?,
                currency: self.currency(map, record)?,
            },
        })
    }

    /// What stands in neither list is no money: failed calls, logins.
    fn listed(&self, map: &ColumnMap, record: &StringRecord) -> RowKind {
        let (Some(column), Some(kind)) = (self.kind, &map.kind) else {
            return RowKind::Charge;
        };
        let is = |names: &[String]| names.iter().any(|name| *name == record[column]);
        if is(&kind.charge) {
            RowKind::Charge
        } else if is(&kind.refund) {
            RowKind::Credit
        } else {
            RowKind::Other
        }
    }

    fn currency(&self, map: &ColumnMap, record: &StringRecord) -> Result<Currency, Wrong> {
        match (&map.amount.currency, self.currency) {
            (CurrencyOf::All(currency), _) => Ok(*currency),
            (CurrencyOf::Column(_), column) => {
                let column = column.unwrap_or_default();
                record[column]
                    .parse()
                    .map_err(|error: longhaul::ConfigError| Wrong {
                        column,
                        why: error.to_string(),
                    })
            }
        }
    }
}

/// `micros` is how many microseconds the log's unit has.
fn span(text: &str, micros: i64) -> Result<Duration, String> {
    let number: Decimal = text.parse()?;
    let micros = number.scaled(micros, 1).map(u64::try_from);
    match micros {
        Some(Ok(micros)) => Ok(Duration::from_micros(micros)),
        _ => Err(format!("{text} is no span of time")),
    }
}
