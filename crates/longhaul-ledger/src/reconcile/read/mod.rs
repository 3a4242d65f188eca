//! Reading the files of a provider's log.
//!
//! A reader makes rows of bytes, in one pass, and decides nothing: neither what a row means for an attempt nor whether
//! rows are missing. A file is taken whole or not at all; what is wrong with it is told with line and column.

mod columns;
mod csv;
mod mark;
mod new_api;
mod time_format;

use std::{collections::HashSet, io, sync::Arc};

use longhaul::Currency;

pub use self::columns::ColumnMap;
use super::{
    log::{Page, ProviderLog},
    row::{LogRow, Place},
};
use crate::error::{LedgerError, LedgerErrorKind};

/// How a provider's log is written.
///
/// ```
/// use longhaul_ledger::reconcile::{LogFormat, NewApi};
///
/// let LogFormat::NewApi(units) = LogFormat::new_api() else { panic!() };
/// assert_eq!((units.quota_per_unit, units), (500_000, NewApi::default()));
/// ```
///
/// Both may begin with UTF-8's mark; a file in UTF-16 is refused by name.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum LogFormat {
    /// JSON as New-API and its relatives give it at `/api/log/self`: answers, one after the other or in an array.
    ///
    /// Also pages, or rows that were cut out of their answers. What a page says of its total tells whether the log is
    /// whole.
    NewApi(NewApi),
    /// CSV with a first line that names the columns.
    ///
    /// Boxed, since a map is much larger than the other format.
    Csv(Box<ColumnMap>),
}

/// What New-API's quota units are worth.
///
/// ```
/// use longhaul_ledger::reconcile::{LogFormat, NewApi, read};
///
/// // A relay that sells its quota in yuan, a million units each.
/// let mut units = NewApi::default();
/// (units.quota_per_unit, units.currency) = (1_000_000, "CNY".parse()?);
/// let log = r#"{"created_at": 1768608090, "type": 2, "quota": 1650000, "use_time": 90}"#;
/// let rows = read(&LogFormat::NewApi(units), "log.json", log.as_bytes())?;
/// assert_eq!(rows[0].amount.to_string(), "1.65 CNY");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NewApi {
    /// How many quota units make one unit of the currency. Default 500,000.
    ///
    /// It is a setting of the relay (`QuotaPerUnit`); ask it, where amounts are off by a factor.
    pub quota_per_unit: u64,
    /// The currency. Default US dollars.
    pub currency: Currency,
}

impl Default for NewApi {
    fn default() -> Self {
        Self {
            quota_per_unit: 500_000,
            currency: Currency::USD,
        }
    }
}

impl LogFormat {
    /// New-API's, at its usual 500,000 units for one US dollar.
    pub fn new_api() -> Self {
        Self::NewApi(NewApi::default())
    }

    /// The currency of amounts, where it is the same for all.
    pub(super) const fn currency(&self) -> Option<Currency> {
        match self {
            Self::NewApi(new_api) => Some(new_api.currency),
            Self::Csv(map) => map.currency(),
        }
    }
}

/// Reads one file called `name`, and returns all its rows, those that neither charge nor credit among them, each as
/// often as it stands in the file. A file that cannot be read to its end gives none.
///
/// # Errors
///
/// [`LedgerErrorKind::File`] with line and column.
///
/// For looking into a log without a ledger; [`ProviderLog::add`] reads several files as one log.
///
/// ```
/// use longhaul_ledger::reconcile::{ColumnMap, LogFormat, RowKind, read};
///
/// let map = ColumnMap::from_toml("map.toml", r#"
///     time = { column = "When", is = "start", format = "rfc3339" }
///     amount = { column = "Cost", currency = "USD" }
/// "#)?;
/// let log = "When,Cost\n2026-01-17T00:00:00Z,0.24\n2026-01-17T00:05:00Z,-0.24\n";
/// let rows = read(&LogFormat::Csv(map.into()), "log.csv", log.as_bytes())?;
/// assert_eq!((rows[0].kind, rows[1].kind), (RowKind::Charge, RowKind::Credit));
/// assert_eq!(rows[0].amount, rows[1].amount, "an amount is never below zero");
/// # Ok::<(), longhaul_ledger::LedgerError>(())
/// ```
pub fn read(
    format: &LogFormat,
    name: &str,
    bytes: impl io::Read,
) -> Result<Vec<LogRow>, LedgerError> {
    let mut log = ProviderLog::new(format.clone());
    log.add(name, bytes)?;
    Ok(log.into_rows())
}

/// What a file is read into.
pub(super) struct Reading {
    pub(super) rows: Vec<LogRow>,
    pub(super) places: Vec<Place>,
    pub(super) pages: Vec<Page>,
    file: u32,
    models: HashSet<Arc<str>>,
}

impl Reading {
    /// Rows and places stay side by side in two lists: most of the work needs rows alone.
    fn push(&mut self, row: LogRow, line: u64) {
        let file = self.file;
        self.places.push(Place { file, line });
        self.rows.push(row);
    }

    /// The same few names again and again.
    ///
    /// Kept once for all rows of a file. An empty name is none.
    fn model(&mut self, name: &str) -> Option<Arc<str>> {
        if name.is_empty() {
            return None;
        }
        if let Some(known) = self.models.get(name) {
            return Some(known.clone());
        }
        let name: Arc<str> = name.into();
        self.models.insert(name.clone());
        Some(name)
    }
}

/// Reads file number `file`.
pub(super) fn file(
    format: &LogFormat,
    name: &str,
    file: u32,
    bytes: impl io::Read,
) -> Result<Reading, LedgerError> {
    let mut reading = Reading {
        rows: Vec::new(),
        places: Vec::new(),
        pages: Vec::new(),
        file,
        models: HashSet::new(),
    };
    match format {
        LogFormat::NewApi(units) => new_api::read(units, name, bytes, &mut reading)?,
        LogFormat::Csv(map) => csv::read(map, name, bytes, &mut reading)?,
    }
    Ok(reading)
}

/// What is wrong with a file, and where.
fn refused(file: &str, line: u64, column: u64, why: impl Into<String>) -> LedgerError {
    LedgerErrorKind::File {
        file: file.to_owned(),
        line,
        column,
        why: why.into(),
    }
    .into()
}

/// The file could not be read at all.
fn unreadable(file: &str, error: impl std::error::Error + Send + Sync + 'static) -> LedgerError {
    refused(file, 0, 0, format!("it cannot be read: {error}")).with_source(error)
}
