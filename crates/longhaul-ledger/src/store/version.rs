//! Whose tables a database holds, and of which version.
//!
//! Versions only add: a program reads tables of its own version and of older ones down to [`OLDEST_READ`], and refuses
//! newer ones, since it cannot know what they mean. Only a writer changes tables.
//!
//! A list of migrations is compared by the sums of their texts. A version number alone would take two branches of
//! development, or a hand that changed a table and left the list alone, for the same.

use sqlx::migrate::Migrator;

use crate::error::{LedgerError, LedgerErrorKind};

/// Tables of this version and later ones can be read as they are: later ones only add.
///
/// Before it the tables of claims are missing, and every list asks for them.
const OLDEST_READ: i64 = 3;

/// The versions that tables are from.
///
/// Statements that name what these versions added ask [`Store::has`](super::Store::has) first.
pub(crate) const WITH_TASKS: i64 = 4;
pub(crate) const WITH_SUBMITS: i64 = 5;
pub(crate) const WITH_DRAFTS: i64 = 6;

/// What stands in a database's list of migrations.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) version: i64,
    pub(super) checksum: Vec<u8>,
    pub(super) whole: bool,
}

/// The newest version that is known here.
pub(super) fn newest(known: &Migrator) -> i64 {
    let newest = known.iter().map(|migration| migration.version).max();
    newest.unwrap_or_default()
}

/// Whether the first of `applied` is ours: other programs keep such lists too.
///
/// By the sum of the first one, which no other program has.
pub(super) fn is_ours(known: &Migrator, applied: &[Applied]) -> bool {
    let first = known.iter().next();
    applied
        .first()
        .zip(first)
        .is_some_and(|(applied, first)| *applied.checksum == *first.checksum)
}

/// The version of tables that `applied` made, where it is one that can be read.
///
/// The first thing that is wrong decides, in the order of the list: a version that is unknown here means a newer
/// program, and that one's tables may differ in anything.
pub(super) fn of(known: &Migrator, applied: &[Applied]) -> Result<i64, LedgerError> {
    let newest = newest(known);
    for Applied {
        version,
        checksum,
        whole,
    } in applied
    {
        let migration = known
            .iter()
            .find(|migration| migration.version == *version)
            .ok_or(LedgerErrorKind::Newer {
                found: *version,
                known: newest,
            })?;
        if *migration.checksum != **checksum {
            return Err(altered(format!("migration {version} was a different one")));
        }
        if !whole {
            return Err(altered(format!("migration {version} broke off half way")));
        }
    }
    let version = applied.last().map_or(0, |applied| applied.version);
    if version < OLDEST_READ {
        return Err(LedgerErrorKind::Older {
            found: version,
            wanted: OLDEST_READ,
        }
        .into());
    }
    Ok(version)
}

fn altered(what: String) -> LedgerError {
    LedgerErrorKind::Altered { what }.into()
}
