//! Reading the files of a provider's log.

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
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum LogFormat {
    /// JSON as New-API and its relatives give it at `/api/log/self`: answers, one after the other or in an array.
    NewApi(NewApi),
    /// CSV with a first line that names the columns.
    Csv(Box<ColumnMap>),
}

/// What New-API's quota units are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NewApi {
    /// So many quota units are one unit of the currency. Default 500,000.
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

/// Reads one file called `name`: all of its rows, those that neither charge nor credit among them, as often as they
/// stand in it. Nothing of a file that cannot be read to its end.
///
/// # Errors
///
/// [`LedgerErrorKind::File`] with line and column.
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
    fn push(&mut self, row: LogRow, line: u64) {
        let file = self.file;
        self.places.push(Place { file, line });
        self.rows.push(row);
    }

    /// The same few names again and again.
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
