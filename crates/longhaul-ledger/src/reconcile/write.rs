//! Writing verdicts: all of one log at once, or none.
//!
//! The import is noted with the span in which it decides, since later estimates ask which attempts some whole log has
//! decided. A log that changes nothing and decides nothing new is not noted again.

use std::{fmt::Write as _, ops::Range};

use sqlx::{Any, Arguments as _, AssertSqlSafe, Transaction};
use uuid::Uuid;

use super::verdict::Verdict;
use crate::{
    error::LedgerError,
    store::{Arguments, EntryId},
};

/// A log as it is noted beside its verdicts.
///
/// The names of the files are kept for people.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) provider: String,
    pub(super) files: Vec<String>,
    /// The attempts that it decides, by our clock.
    pub(super) decides: Option<Range<i64>>,
}

/// So many rows in one statement: SQLite looks for each numbered argument among all of them, so that more take longer.
const ROWS: usize = 50;
const COLUMNS: usize = 8;

/// Writes `verdicts`, which are new or differ from those that are there.
///
/// In the caller's transaction, so that reading and writing of one reconciliation are one step for everybody else.
pub(super) async fn write(
    transaction: &mut Transaction<'_, Any>,
    import: &Import,
    verdicts: &[(EntryId, Verdict)],
) -> Result<(), LedgerError> {
    if verdicts.is_empty() && is_known(transaction, import).await? {
        return Ok(());
    }
    let id = EntryId::now().0;
    let imported_at = i64::try_from(id.get_timestamp().map_or(0, |at| at.to_unix().0))
        .unwrap_or_default()
        .saturating_mul(1_000_000);
    let decides = import.decides.as_ref();
    sqlx::query(
        "INSERT INTO imports (id, provider, file, imported_at, covers_from_at, settled_until_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.as_bytes().to_vec())
    .bind(import.provider.clone())
    .bind(import.files.join(", "))
    .bind(imported_at)
    .bind(decides.map(|decides| decides.start))
    .bind(decides.map(|decides| decides.end))
    .execute(&mut **transaction)
    .await?;
    for some in verdicts.chunks(ROWS) {
        upsert(transaction, id, some).await?;
    }
    Ok(())
}

/// Whether nothing would be new about this log.
async fn is_known(
    transaction: &mut Transaction<'_, Any>,
    import: &Import,
) -> Result<bool, LedgerError> {
    let Some(decides) = &import.decides else {
        return Ok(true);
    };
    let found = sqlx::query(
        "SELECT id FROM imports WHERE provider = $1 AND covers_from_at <= $2 AND settled_until_at >= $3 LIMIT 1",
    )
    .bind(import.provider.clone())
    .bind(decides.start)
    .bind(decides.end)
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(found.is_some())
}

/// A verdict that is there is replaced: the engine has compared the two already.
async fn upsert(
    transaction: &mut Transaction<'_, Any>,
    import: Uuid,
    verdicts: &[(EntryId, Verdict)],
) -> Result<(), LedgerError> {
    let mut statement = "INSERT INTO verdicts \
         (entry, import, log_id, charged_micros, credited_micros, currency, duration_us, basis) VALUES "
        .to_owned();
    let mut arguments = Arguments::default();
    for (row, (entry, verdict)) in verdicts.iter().enumerate() {
        statement.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=COLUMNS {
            let comma = if column == 1 { "" } else { ", " };
            // Writing into a string cannot fail.
            let _ = write!(statement, "{comma}${}", row * COLUMNS + column);
        }
        statement.push(')');
        bind(&mut arguments, *entry, import, verdict)
            .map_err(|error| LedgerError::from(sqlx::Error::Encode(error)))?;
    }
    statement.push_str(
        " ON CONFLICT (entry) DO UPDATE SET import = excluded.import, log_id = excluded.log_id, \
         charged_micros = excluded.charged_micros, credited_micros = excluded.credited_micros, \
         currency = excluded.currency, duration_us = excluded.duration_us, basis = excluded.basis",
    );
    sqlx::query_with(AssertSqlSafe(statement), arguments)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn bind(
    arguments: &mut Arguments,
    entry: EntryId,
    import: Uuid,
    verdict: &Verdict,
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(entry.bytes())?;
    arguments.add(import.as_bytes().to_vec())?;
    arguments.add(verdict.log_id.as_deref().map(str::to_owned))?;
    arguments.add(verdict.charged.micros)?;
    arguments.add(verdict.credited_micros)?;
    arguments.add(verdict.charged.currency.as_str().to_owned())?;
    arguments.add(verdict.duration_us)?;
    arguments.add(verdict.basis.map(|basis| basis.name().to_owned()))
}
