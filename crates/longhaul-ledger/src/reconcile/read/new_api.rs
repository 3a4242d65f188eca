//! New-API's log as JSON.
//!
//! An answer of `/api/log/self` is `{"success": true, "message": "", "data": {"page": 1, "page_size": 100, "total": 250,
//! "items": [row, …]}}`; older ones hold the rows in `data` itself. Answers may stand one after the other, with or
//! without line ends between them, or in an array; pages and rows taken out of their answers are read too. Nothing is
//! kept of a row but what [`LogRow`] has.
//!
//! A row's `created_at` is the second in which the call *ended*, `use_time` whole seconds. Its `id` is no name: older
//! versions give it modulo 1024, newer ones count it anew on every page. So rows are told apart by their request id,
//! and by their content where there is none.
//!
//! The file is read as a stream: an answer of ten thousand rows is never in memory as text and as a tree. What an
//! object is shows only at its end, since JSON's fields have no order: so all fields that any of them may have are
//! gathered, and then it is an answer, a page or a row.

use std::{fmt, io, time::Duration};

use longhaul::Money;
use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{NewApi, Page, Reading, refused, unreadable};
use crate::{
    error::LedgerError,
    reconcile::{
        amount::Decimal,
        row::{LogRow, RowKind},
    },
    store::time_of_day,
};

/// Rows of this type are calls that were charged; a negative quota is given back.
const CONSUMED: i64 = 2;
const REFUNDED: i64 = 6;

/// A time of 2286 in seconds: a larger one is in milliseconds.
///
/// Read as seconds, milliseconds would be some year after 50,000, and match nothing without a word.
const LATEST: i64 = 9_999_999_999;

/// Values may follow each other without anything between: that is what `cat page-*.json` makes.
pub(super) fn read(
    units: &NewApi,
    name: &str,
    bytes: impl io::Read,
    reading: &mut Reading,
) -> Result<(), LedgerError> {
    let bytes = super::mark::skip(name, bytes)?;
    let mut json = serde_json::Deserializer::from_reader(bytes);
    let mut empty = true;
    loop {
        match json.end() {
            Ok(()) if empty => return Err(refused(name, 1, 1, "the file is empty")),
            Ok(()) => return Ok(()),
            Err(error) if error.is_io() => return Err(unreadable(name, error)),
            // Something follows.
            Err(_) => {}
        }
        empty = false;
        Node {
            units,
            reading,
            top: true,
        }
        .deserialize(&mut json)
        .map_err(|error| located(name, error))?;
    }
}

/// serde_json writes the place into its text too; it is taken out, since it stands in the error already.
fn located(name: &str, error: serde_json::Error) -> LedgerError {
    if error.is_io() {
        return unreadable(name, error);
    }
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(&*text, |(why, _)| why);
    refused(name, error.line() as u64, error.column() as u64, why)
}

/// An answer, a page, a row, or an array of such.
struct Node<'a> {
    units: &'a NewApi,
    reading: &'a mut Reading,
    /// Whether it stands by itself.
    top: bool,
}

impl Node<'_> {
    /// What stands in it.
    fn inner(&mut self) -> Node<'_> {
        Node {
            units: self.units,
            reading: self.reading,
            top: false,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What is read of an object, whichever it is.
#[derive(Default)]
struct Object {
    success: Option<bool>,
    message: Option<String>,
    data: bool,
    items: bool,
    total: Option<u64>,
    page: Option<u64>,
    row: Consumption,
}

#[derive(Default)]
struct Consumption {
    id: Option<i64>,
    created_at: Option<i64>,
    kind: Option<i64>,
    model: Option<String>,
    quota: Option<i64>,
    use_time: Option<f64>,
    request_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum FieldName {
    Success,
    Message,
    Data,
    Items,
    Total,
    Page,
    Id,
    CreatedAt,
    Type,
    ModelName,
    Quota,
    UseTime,
    RequestId,
    #[serde(other)]
    Else,
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of New-API's log")
    }

    /// No rows, as Go writes it.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        if self.top {
            return Err(E::custom("null is no answer of New-API's log"));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(self.inner())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let (first, pages) = (self.reading.rows.len(), self.reading.pages.len());
        let mut object = Object::default();
        while let Some(key) = map.next_key()? {
            let row = &mut object.row;
            match key {
                FieldName::Success => object.success = map.next_value()?,
                FieldName::Message => object.message = map.next_value()?,
                FieldName::Data => {
                    object.data = true;
                    map.next_value_seed(self.inner())?;
                }
                FieldName::Items => {
                    object.items = true;
                    map.next_value_seed(self.inner())?;
                }
                FieldName::Total => object.total = map.next_value()?,
                FieldName::Page => object.page = map.next_value()?,
                FieldName::Id => row.id = map.next_value()?,
                FieldName::CreatedAt => row.created_at = map.next_value()?,
                FieldName::Type => row.kind = map.next_value()?,
                FieldName::ModelName => row.model = map.next_value()?,
                FieldName::Quota => row.quota = map.next_value()?,
                FieldName::UseTime => row.use_time = map.next_value()?,
                FieldName::RequestId => row.request_id = map.next_value()?,
                FieldName::Else => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // Of an answer around a page the page has said all.
        let noted = self.reading.pages.len() > pages;
        self.end(object, first, noted).map_err(A::Error::custom)
    }
}

impl Node<'_> {
    /// `first` is the number of rows that were there before the object; `noted` whether a page in it was noted.
    ///
    /// An answer that says `"success": false` is no log: it is refused with the relay's own words, such as a wrong key.
    fn end(self, object: Object, first: usize, noted: bool) -> Result<(), String> {
        if object.success == Some(false) {
            let message: String = object
                .message
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect();
            return Err(format!(
                "the provider did not answer with its log, but: {message:?}"
            ));
        }
        if object.items || object.data {
            if !noted {
                self.reading.pages.push(Page {
                    rows: first..self.reading.rows.len(),
                    number: object.page,
                    total: object.total,
                });
            }
            return Ok(());
        }
        if object.row.created_at.is_none() {
            return Err("neither an answer, a page nor a row of New-API's log".to_owned());
        }
        let row = object.row.read(self.units, self.reading)?;
        self.reading.push(row, 0);
        Ok(())
    }
}

impl Consumption {
    /// A type that neither charges nor refunds is a row of no money, which still shows that the log covers its time.
    fn read(self, units: &NewApi, reading: &mut Reading) -> Result<LogRow, String> {
        let missing = |name: &str| format!("the row has no `{name}`");
        let created_at = self.created_at.ok_or_else(|| missing("created_at"))?;
        if !(0..=LATEST).contains(&created_at) {
            return Err(format!(
                "`created_at` {created_at} is not in seconds since 1970"
            ));
        }
        let logged_at = time_of_day(created_at * 1_000_000);
        let quota = match self.kind.ok_or_else(|| missing("type"))? {
            CONSUMED | REFUNDED => self.quota.ok_or_else(|| missing("quota"))?,
            _ => 0,
        };
        let kind = match self.kind {
            Some(CONSUMED) if quota >= 0 => RowKind::Charge,
            Some(CONSUMED | REFUNDED) => RowKind::Credit,
            _ => RowKind::Other,
        };
        let magnitude = quota
            .checked_abs()
            .ok_or_else(|| "`quota` is out of range".to_owned())?;
        let duration = self
            .use_time
            .map(|seconds| {
                Duration::try_from_secs_f64(seconds)
                    .map_err(|error| format!("`use_time` {seconds}: {error}"))
            })
            .transpose()?;
        let request_id = self.request_id.filter(|id| !id.is_empty());
        Ok(LogRow {
            kind,
            id: match (&request_id, self.id) {
                (None, Some(id)) => Some(id.to_string().into()),
                _ => None,
            },
            request_id: request_id.map(Into::into),
            model: reading.model(self.model.as_deref().unwrap_or_default()),
            start: duration.and_then(|duration| logged_at.checked_sub(duration)),
            logged_at,
            duration,
            amount: Money {
                micros: Decimal::whole(magnitude).micros(units.quota_per_unit)?,
                currency: units.currency,
            },
        })
    }
}
