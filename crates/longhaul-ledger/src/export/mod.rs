//! Claims for a provider's support: one row each, with the evidence that it asks for.
//!
//! CSV or JSON Lines, a file for each provider and month, times in the provider's own zone. Never a prompt, an image or a
//! key: the ledger has none. A file appears whole or not at all, and only once its claims count as exported.
//!
//! A support wants each claim once. So [`Store::export`](crate::Store::export) writes down what it exported, and takes no claim a
//! second time unless told; [`Format::write`] only writes, to look at before:
//!
//! ```
//! # #[cfg(all(feature = "sqlite", unix))]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use longhaul_ledger::{Filter, claims::ClaimBook, export::Format};
//!
//! # let folder = tempfile::tempdir()?;
//! # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
//! # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
//! # let store = {
//! #     use longhaul::{Class, End, Exposure, Money, OperationId, Outcome, Phase, billing::{Closing, Opening, Slot as _}};
//! #     let mut opening = Opening::new(OperationId::from_u128(7), 1);
//! #     (opening.provider, opening.price) = (Some("relay.example.com".into()), Some(Money::usd_micros(240_000)));
//! #     let (class, took) = (Class::NoImage, std::time::Duration::from_secs(100));
//! #     let exposure = Exposure::new(class.charge_probability(), opening.price);
//! #     let (slot, opened) = ledger.open_entry(opening);
//! #     opened.await?;
//! #     slot.close(Closing::new(Outcome::new(End::Finished, class, Phase::Body, took, exposure)));
//! #     ledger.flush().await?;
//! #     ledger.store().clone() };
//! let found = store.claims(&ClaimBook::default(), &Filter::default()).await?;
//! let mut table = Vec::new();
//! Format::Csv.write(&found.claims, &mut table)?;
//! let table = String::from_utf8(table)?;
//! assert_eq!(table.lines().count(), 2, "a header and a claim");
//! assert!(table.contains("relay.example.com"));
//! # Ok(()) }
//! # #[cfg(not(all(feature = "sqlite", unix)))]
//! # fn main() {}
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
///
/// Both have the same columns, in the same order. Read by name: columns may be added behind the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated, with a header. What a table program would take for a formula has a `'` before it.
    ///
    /// The `'` keeps a name that a provider or a caller chose from being run as a formula by the program that opens the
    /// table.
    Csv,
    /// One JSON object a line.
    ///
    /// Numbers are numbers, amounts are text so that no reader rounds them, and what is not known is `null`. Nothing is
    /// changed for a table.
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
    /// Nothing is marked: the claims are as open afterwards as before.
    ///
    /// ```
    /// use longhaul_ledger::export::Format;
    ///
    /// let mut lines = Vec::new();
    /// Format::JsonLines.write([], &mut lines)?;
    /// assert!(lines.is_empty(), "JSON Lines has no header");
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
