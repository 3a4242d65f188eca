//! Entries that cannot be understood.
//!
//! Two causes look alike from here: a cell that was damaged, and a word that a newer version of this crate wrote. The
//! first is told by [`Store::check`](super::Store::check) with the row's checksum. In both cases the row is kept as it
//! is and shown as it is.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::EntryId;
use crate::error::{LedgerError, LedgerErrorKind};

/// An entry that cannot be understood: damaged, or written by a newer version with a word that is not known here.
///
/// One bad row must not hide a month: it is read around, counted, and named.
///
/// Lists show it, claims and reports leave it out and count it, and [`prune`](super::Store::prune) never removes it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Unread {
    /// Its name, where that can be read.
    pub id: Option<EntryId>,
    /// The column that is not understood; empty where the whole row is not.
    pub column: String,
    /// What is wrong with it.
    pub why: String,
    cells: Vec<(&'static str, String)>,
}

impl Unread {
    pub(super) fn new(
        id: Option<EntryId>,
        error: &LedgerError,
        cells: Vec<(&'static str, String)>,
    ) -> Self {
        let (column, why) = match error.kind() {
            LedgerErrorKind::Row { column, why, .. } => (column.clone(), why.clone()),
            _ => (String::new(), error.to_string()),
        };
        Self {
            id,
            column,
            why,
            cells,
        }
    }

    /// What stands in the column called `name`, as it is.
    ///
    /// By the column's name in the tables, such as `opened_at`. `None` where the cell is empty, and where not even the
    /// row could be read.
    pub fn cell(&self, name: &str) -> Option<&str> {
        let found = self.cells.iter().find(|(column, _)| *column == name);
        found.map(|(_, cell)| &**cell)
    }

    /// The same as an error.
    ///
    /// Of the kind [`Row`](LedgerErrorKind::Row).
    pub fn into_error(self) -> LedgerError {
        LedgerErrorKind::Row {
            entry: self.id.map(|id| id.to_string()),
            column: self.column,
            why: self.why,
        }
        .into()
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.clone().into_error(), f)
    }
}

impl Serialize for Unread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("unread", &self.to_string())?;
        map.serialize_entry(
            "columns",
            &self.cells.iter().cloned().collect::<BTreeMap<_, _>>(),
        )?;
        map.end()
    }
}
