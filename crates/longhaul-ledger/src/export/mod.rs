//! Claims for a provider's support: one row each, with the evidence that it asks for.
//!
//! CSV or JSON Lines, a file for each provider and month, times in the provider's own zone. Never a prompt, an image or a
//! key: the ledger has none. A file appears whole or not at all, and only once its claims count as exported.
//!
//! A support wants each claim once. So [`Store::export`](crate::Store::export) writes down what it exported, and takes no claim a
//! second time unless told; [`Format::write`] only writes, to look at before:
//!
//! ```
//! use longhaul_ledger::{Filter, Store, claims::ClaimBook, export::Format};
//!
//! # async fn example(store: Store) -> Result<(), Box<dyn std::error::Error>> {
//! let found = store.claims(&ClaimBook::default(), &Filter::default()).await?;
//! Format::Csv.write(&found.claims, std::io::stdout())?;
//! # Ok(()) }
//! ```

mod cell;
mod files;
mod row;
mod unfinished;
mod workspace;

use std::io::{self, Write};

use serde::ser::{SerializeMap as _, Serializer as _};
use uuid::Uuid;

pub(crate) use self::unfinished::MARK;
use self::{cell::ExportCell, row::COLUMNS};
pub use self::{files::Written, unfinished::Finished};
use crate::claims::FoundClaim;

/// How rows are written.
///
/// ```
/// use longhaul_ledger::export::Format;
///
/// let mut table = Vec::new();
/// Format::Csv.write([], &mut table)?;
/// assert_eq!(table.iter().filter(|&&byte| byte == b'\n').count(), 1, "a header, and no claim");
/// assert_eq!(Format::Csv.ending(), "csv");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated, with a header. What a table program would take for a formula has a `'` before it.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// The ending of a file's name.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// Writes `claims`, one row each; they belong to no export.
    ///
    /// # Errors
    ///
    /// What `to` says. What was written until then is there.
    pub fn write<'a, W: Write>(
        self,
        claims: impl IntoIterator<Item = &'a FoundClaim>,
        to: W,
    ) -> io::Result<()> {
        self.write_as(None, claims, to)
    }

    /// The same, for the export of this name.
    fn write_as<'a, W: Write>(
        self,
        export: Option<Uuid>,
        claims: impl IntoIterator<Item = &'a FoundClaim>,
        mut to: W,
    ) -> io::Result<()> {
        match self {
            Self::Csv => {
                let mut writer = csv::Writer::from_writer(to);
                writer.write_record(COLUMNS)?;
                for claim in claims {
                    writer.write_record(
                        row::cells(claim, export).iter().map(ExportCell::for_tables),
                    )?;
                }
                writer.flush()
            }
            Self::JsonLines => {
                for claim in claims {
                    let cells = row::cells(claim, export);
                    let mut line = serde_json::Serializer::new(&mut to);
                    let mut object = line.serialize_map(Some(COLUMNS.len()))?;
                    for (column, cell) in COLUMNS.iter().zip(&cells) {
                        object.serialize_entry(column, cell)?;
                    }
                    object.end()?;
                    to.write_all(b"\n")?;
                }
                to.flush()
            }
        }
    }
}
