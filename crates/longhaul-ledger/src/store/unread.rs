//! Entries that cannot be understood.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::EntryId;
use crate::error::{LedgerError, LedgerErrorKind};

/// An entry that cannot be understood: damaged, or written by a newer version with a word that is not known here.
///
/// One bad row must not hide a month: it is read around, counted, and named.
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
    pub fn cell(&self, name: &str) -> Option<&str> {
        let found = self.cells.iter().find(|(column, _)| *column == name);
        found.map(|(_, cell)| &**cell)
    }

    /// The same as an error.
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
