//! Rows that the database packs into one cell each, as a JSON array: a wide row of many cells costs several times as much
//! to hand from the database to the reader as to find.
//!
//! Packing is done by the database's own JSON functions, which are part of every SQLite and PostgreSQL of today. It
//! costs the database a little and spares the reader one call for each cell: an entry has 34 of them.
//!
//! JSON has no bytes and one kind of number. So ids are hexadecimal text, and a number that no column can hold, such as
//! a fraction, is refused: only a damaged row has one.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{self, BoxStream},
};
use serde::de::{Deserialize, Deserializer, Visitor};
use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};
use uuid::Uuid;

use super::{Arguments, Store, WITH_DRAFTS};
use crate::{error::LedgerError, location::Location};

/// Columns of ids. They are packed as hexadecimal digits: JSON has no bytes.
///
/// Named by what stands behind the last dot of a column.
const IDS: [&str; 3] = ["id", "operation", "entry"];

/// What makes something of a row.
pub(crate) type Read<T> = fn(&mut Fields<'_>) -> Result<T, LedgerError>;

impl Store {
    /// What a statement selects to have `columns`, lists of their names, packed for [`rows`](Self::rows).
    ///
    /// The names are this crate's own and never come from outside: they stand in the statement as they are.
    pub(crate) fn packed(&self, columns: &[&str]) -> String {
        let (array, text) = match self.location() {
            Location::Sqlite(_) => ("json_array", ""),
            Location::Postgres(_) => ("json_build_array", "::text"),
        };
        let columns = columns.iter().flat_map(|list| list.split(", "));
        let columns: Vec<_> = columns.map(|column| self.json(column)).collect();
        format!("{array}({}){text}", columns.join(", "))
    }

    /// How one column is named in the list.
    fn json<'a>(&self, column: &'a str) -> Cow<'a, str> {
        let name = column.rsplit('.').next().unwrap_or(column);
        match self.location() {
            // A reader leaves tables of before as they are.
            _ if name == "drafts_micros" && !self.has(WITH_DRAFTS) => "NULL".into(),
            _ if !IDS.contains(&name) => column.into(),
            Location::Sqlite(_) => format!("hex({column})").into(),
            Location::Postgres(_) => format!("encode({column}, 'hex')").into(),
        }
    }

    /// What `read` makes of each row that `statement` finds; it selects what is [packed](Self::packed), and nothing else.
    ///
    /// The rows stream: one is in memory at a time. The stream ends with its first error of the database; a row that is
    /// not understood is an error of its own, and the stream goes on behind it.
    pub(crate) fn rows<'a, T: Send + 'a>(
        &'a self,
        statement: String,
        arguments: Arguments,
        read: Read<T>,
    ) -> BoxStream<'a, Result<T, LedgerError>> {
        let pool = self.pool();
        let rows: BoxStream<'a, Result<AnyRow, sqlx::Error>> =
            sqlx::query_with(AssertSqlSafe(statement), arguments).fetch(pool);
        stream::unfold(Some(rows), move |rows| async move {
            let mut rows = rows?;
            match self.in_time(rows.try_next()).await {
                Ok(Some(row)) => {
                    let packed = row.try_get(0).map_err(LedgerError::from);
                    Some((packed.and_then(|packed| unpack(packed, read)), Some(rows)))
                }
                Ok(None) => self
                    .still_at_rest(pool)
                    .err()
                    .map(|error| (Err(error), None)),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }
}

/// What `read` makes of a row that was packed.
pub(crate) fn unpack<T>(packed: &str, read: Read<T>) -> Result<T, LedgerError> {
    let cells = cells_of(packed)?;
    read(&mut Fields {
        cells: &cells,
        next: 0,
        names: "",
        first: 0,
    })
}

/// A row of these columns as a JSON object.
pub(crate) fn object(columns: &str, packed: &str) -> Result<serde_json::Value, LedgerError> {
    use serde_json::Value;

    let value = |cell: &Cell<'_>| match cell {
        Cell::Empty => Value::Null,
        Cell::Number(number) => (*number).into(),
        Cell::Text(text) => (&**text).into(),
    };
    let cells = cells_of(packed)?;
    let object = columns.split(", ").map(str::to_owned);
    Ok(Value::Object(object.zip(cells.iter().map(value)).collect()))
}

/// The cells of a row, as they are.
pub(super) fn cells_of(packed: &str) -> Result<Vec<Cell<'_>>, LedgerError> {
    serde_json::from_str(packed).map_err(|error| LedgerError::row("", error))
}

/// What is packed holds nothing else: no column is a boolean, an array or an object.
#[derive(Debug)]
pub(super) enum Cell<'p> {
    Empty,
    Number(i64),
    Text(Cow<'p, str>),
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Number(number) => fmt::Display::fmt(number, f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Takes the cells of one row in the order of its columns.
///
/// Reading by order and not by name: a name would be compared 34 times for each row. The names serve errors alone.
pub(crate) struct Fields<'r> {
    cells: &'r [Cell<'r>],
    next: usize,
    // Those of the cells that are being read, and where the first of them stands: for errors.
    names: &'static str,
    first: usize,
}

impl<'r> Fields<'r> {
    /// What comes next are these columns.
    pub(crate) const fn columns(&mut self, names: &'static str) {
        self.names = names;
        self.first = self.next;
    }

    /// An error that names the column whose cell was read last.
    ///
    /// It names the entry too, since a row that is not understood has to be found by a person.
    pub(crate) fn wrong(&self, why: impl fmt::Display) -> LedgerError {
        let place = self.next.saturating_sub(self.first + 1);
        let column = self.names.split(", ").nth(place).unwrap_or_default();
        let name = column.rsplit('.').next().unwrap_or(column);
        // Most rows begin with the name of their entry.
        let entry = match self.cells.first() {
            Some(Cell::Text(id)) => Uuid::try_parse(id).ok(),
            _ => None,
        };
        LedgerError::row_of(entry.map(|id| id.to_string()), name, why)
    }

    /// A row that is too short has empty cells at its end.
    fn cell(&mut self) -> &'r Cell<'r> {
        let cell = self.cells.get(self.next).unwrap_or(&Cell::Empty);
        self.next += 1;
        cell
    }

    fn present<T>(&self, value: Option<T>) -> Result<T, LedgerError> {
        value.ok_or_else(|| self.wrong("it is empty"))
    }

    pub(crate) fn maybe_number(&mut self) -> Result<Option<i64>, LedgerError> {
        match self.cell() {
            Cell::Empty => Ok(None),
            Cell::Number(number) => Ok(Some(*number)),
            Cell::Text(text) => Err(self.wrong(format_args!("{text:?} is no number"))),
        }
    }

    pub(crate) fn number(&mut self) -> Result<i64, LedgerError> {
        let number = self.maybe_number()?;
        self.present(number)
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<&'r str>, LedgerError> {
        match self.cell() {
            Cell::Empty => Ok(None),
            Cell::Number(number) => Err(self.wrong(format_args!("{number} is no text"))),
            Cell::Text(text) => Ok(Some(text)),
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'r str, LedgerError> {
        let text = self.maybe_text()?;
        self.present(text)
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, LedgerError> {
        Uuid::from_str(self.text()?).map_err(|error| self.wrong(error))
    }

    /// A number that is not negative, and fits.
    pub(crate) fn count<T: TryFrom<i64>>(&mut self) -> Result<T, LedgerError> {
        let number = self.number()?;
        T::try_from(number).map_err(|_| self.wrong(format_args!("{number} is out of range")))
    }

    /// Microseconds.
    ///
    /// No span is negative; a damaged one is read as its amount, and its checksum tells.
    pub(crate) fn span(&mut self) -> Result<Option<Duration>, LedgerError> {
        let micros = self.maybe_number()?;
        Ok(micros.map(|micros| Duration::from_micros(micros.unsigned_abs())))
    }

    /// One of several that have names.
    ///
    /// A word that is not known is an error that names it: a newer version's, most likely.
    pub(crate) fn named<T>(&mut self, named: fn(&str) -> Option<T>) -> Result<T, LedgerError> {
        let found = self.maybe_named(named)?;
        self.present(found)
    }

    pub(crate) fn maybe_named<T>(
        &mut self,
        named: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, LedgerError> {
        let Some(name) = self.maybe_text()? else {
            return Ok(None);
        };
        let unknown = || self.wrong(format_args!("{name:?} is not known"));
        named(name).map(Some).ok_or_else(unknown)
    }
}

impl<'de: 'p, 'p> Deserialize<'de> for Cell<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Cell<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a whole number, or nothing")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Cell::Empty)
            }

            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Cell::Number(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let number = i64::try_from(number)
                    .map_err(|_| E::custom(format_args!("{number} is out of range")))?;
                Ok(Cell::Number(number))
            }

            /// No column has such numbers: only a damaged one does.
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Cell::Text(Cow::Owned(number.to_string())))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cell::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cell::Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LedgerErrorKind;

    fn two(fields: &mut Fields<'_>) -> Result<(i64, Option<String>), LedgerError> {
        fields.columns("images, path");
        Ok((fields.number()?, fields.maybe_text()?.map(str::to_owned)))
    }

    #[test]
    fn cells_are_taken_in_their_order() {
        let read = |packed: &str| unpack(packed, two).expect(packed);
        assert_eq!(read(r#"[7,"/v1"]"#), (7, Some("/v1".to_owned())));
        assert_eq!(
            read(r#"[-7,"\"é\u0001\""]"#),
            (-7, Some("\"é\u{1}\"".to_owned()))
        );
        assert_eq!(read("[9223372036854775807,null]"), (i64::MAX, None));
    }

    #[test]
    fn a_cell_that_is_wrong_is_named() {
        for (packed, wrong) in [
            (r#"["7","/v1"]"#, "images"),
            (r#"[null,"/v1"]"#, "images"),
            ("[7,7]", "path"),
        ] {
            let error = unpack(packed, two).expect_err(packed);
            let LedgerErrorKind::Row { column, .. } = error.kind() else {
                panic!("{error}");
            };
            assert_eq!(column, wrong, "{packed}");
        }
    }
}
