//! What a writer that is gone left open: nobody knows how it ended.
//!
//! The truth about such an attempt is with the provider. The row says what is known: that it was opened, that its
//! outcome is unknown, and that it was charged with the probability of an unknown outcome (0.9). Claims and reports
//! then count it like any other attempt of that class, and a log of the provider's replaces the guess.
//!
//! The rows are moved by the database in one statement, without passing through this process: a row that cannot be
//! understood here, since it is damaged or newer, is closed like the others. It has no checksum, since only this
//! library computes one.

use longhaul::{Class, End};
#[cfg(feature = "postgres")]
use sqlx::AnyConnection;
use sqlx::{AssertSqlSafe, Executor as _, Row as _, any::AnyRow};

#[cfg(all(feature = "sqlite", unix))]
use super::open_file;
use crate::{
    error::LedgerError,
    location::Location,
    store::{CLOSING_COLUMNS, OPENING_COLUMNS, Store, Stored, ended, unpack, words},
};

/// Closes what dead writers left open, and returns it. Each entry is closed as [`Lost`](End::Lost), in an unknown
/// phase, after an unknown time (written as zero), with the probability of [`UnknownOutcome`](Class::UnknownOutcome)
/// that it was charged.
///
/// Of a file of SQLite's that is every open entry, since its lock is taken; [`InUse`](crate::LedgerErrorKind::InUse)
/// where a writer has it. On PostgreSQL it is the entries of writers whose lease has run out.
///
/// Opening a [`DurableLedger`](crate::DurableLedger) does the same by itself. Call this one from a tool, for a ledger
/// that no process will open soon. A ledger that is not there is [`Missing`](crate::LedgerErrorKind::Missing), and none
/// is made.
///
/// # Errors
///
/// Also [`Damaged`](crate::LedgerErrorKind::Damaged), with nothing changed: see
/// [`recover_despite_damage`].
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_ledger::{DurableLedger, Location, recover};
///
/// let folder = tempfile::tempdir()?;
/// let location = Location::Sqlite(folder.path().join("spend.db"));
/// DurableLedger::builder(location.clone()).open().await?.close().await?;
/// assert_eq!(recover(&location).await?, [], "it was closed in order");
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
pub async fn recover(location: &Location) -> Result<Vec<Stored>, LedgerError> {
    recovered(location, false).await
}

/// Does what [`recover`] does, and goes on from what can be read of a damaged log. What cannot be read is kept beside
/// the ledger, in a file whose name ends in `-wal.damaged`.
///
/// Attempts that only the lost part of the log held are then in no table: neither as open nor as ended. A
/// [reconciliation](crate::reconcile) with the provider's log names what was charged for them. On PostgreSQL it is the
/// same as [`recover`].
///
/// # Errors
///
/// As of [`recover`], and [`Full`](crate::LedgerErrorKind::Full) where the damaged log cannot be copied: nothing is
/// changed then.
///
/// ```
/// # #[cfg(all(feature = "sqlite", unix))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use longhaul_ledger::{LedgerErrorKind, recover_despite_damage};
///
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// let missing = recover_despite_damage(&location).await.unwrap_err();
/// assert!(matches!(missing.kind(), LedgerErrorKind::Missing { .. }), "it makes none");
/// # let folder = tempfile::tempdir()?;
/// # let location = longhaul_ledger::Location::Sqlite(folder.path().join("spend.db"));
/// # let ledger = longhaul_ledger::DurableLedger::builder(location.clone()).open().await?;
/// ledger.close().await?;
/// assert!(recover_despite_damage(&location).await?.is_empty(), "nothing is damaged, and nothing was left open");
/// # Ok(()) }
/// # #[cfg(not(all(feature = "sqlite", unix)))]
/// # fn main() {}
/// ```
pub async fn recover_despite_damage(location: &Location) -> Result<Vec<Stored>, LedgerError> {
    recovered(location, true).await
}

async fn recovered(location: &Location, despite_damage: bool) -> Result<Vec<Stored>, LedgerError> {
    match location {
        #[cfg(all(feature = "sqlite", unix))]
        Location::Sqlite(path) => open_file::recover_file(path, despite_damage).await,
        #[cfg(feature = "postgres")]
        Location::Postgres(_) => {
            let _ = despite_damage;
            lost(&Store::open_to_write(location).await?).await
        }
        #[allow(unreachable_patterns, reason = "where a build has all databases")]
        other => {
            let _ = despite_damage;
            Err(other.unsupported())
        }
    }
}

/// The same, where the caller has the lock.
pub(super) async fn lost(store: &Store) -> Result<Vec<Stored>, LedgerError> {
    let returning = store.packed(&[OPENING_COLUMNS, CLOSING_COLUMNS]);
    match store.location() {
        Location::Sqlite(_) => in_file(store, &returning).await,
        Location::Postgres(_) => in_database(store, &returning).await,
    }
}

/// All rows of `running`, whoever wrote them: the caller holds the lock, and a file has one writer. The table `writers`
/// is emptied with them. `WHERE TRUE` is for SQLite's parser, which else takes `ON CONFLICT` for the condition of a
/// join.
async fn in_file(store: &Store, returning: &str) -> Result<Vec<Stored>, LedgerError> {
    // In microseconds; SQLite's own clock ticks in milliseconds.
    let now = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    let mut transaction = store.begin().await?;
    let statement = insert(now, "running WHERE TRUE", returning);
    let rows = sqlx::query(AssertSqlSafe(statement))
        .fetch_all(&mut *transaction)
        .await?;
    transaction.execute("DELETE FROM running").await?;
    transaction.execute("DELETE FROM writers").await?;
    store.commit(transaction).await?;
    Ok(stored(&rows))
}

#[cfg(not(feature = "postgres"))]
async fn in_database(store: &Store, _: &str) -> Result<Vec<Stored>, LedgerError> {
    Err(store.location().unsupported())
}

/// On a connection that is given up where anything fails: the next try then asks the address anew, which may lead to
/// another server.
#[cfg(feature = "postgres")]
async fn in_database(store: &Store, returning: &str) -> Result<Vec<Stored>, LedgerError> {
    let mut connection = store.patient(store.pool().acquire()).await?;
    let found = store.patient(of_the_gone(&mut connection, returning)).await;
    if found.is_err() {
        // It may lead to a server that another has taken over from.
        connection.close_on_drop();
    }
    Ok(stored(&found?))
}

/// The clock that leases are held by: PostgreSQL's, since those of several machines differ.
#[cfg(feature = "postgres")]
pub(super) const NOW: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";

/// The rows are locked as they are chosen, and locked rows are skipped. A writer whose row was skipped, since another
/// process closes it, is removed by that one, or by whoever looks next: writers go only once no open entry names them.
#[cfg(feature = "postgres")]
async fn of_the_gone(
    connection: &mut AnyConnection,
    returning: &str,
) -> Result<Vec<AnyRow>, sqlx::Error> {
    // Two that recover at once never take the same row.
    let moved = format!(
        "WITH gone AS (\
             SELECT id FROM running WHERE NOT EXISTS (\
                 SELECT FROM writers WHERE writers.id = running.writer AND lease_until_at > {NOW}) \
             FOR UPDATE SKIP LOCKED), \
         moved AS (DELETE FROM running USING gone WHERE running.id = gone.id RETURNING running.*) {}",
        insert(NOW, "moved", returning)
    );
    let found = sqlx::query(AssertSqlSafe(moved))
        .fetch_all(&mut *connection)
        .await?;
    let writers = format!(
        "DELETE FROM writers WHERE lease_until_at <= {NOW} \
         AND NOT EXISTS (SELECT FROM running WHERE running.writer = writers.id)"
    );
    connection.execute(AssertSqlSafe(writers)).await?;
    Ok(found)
}

/// Writes what stands in `source` as lost.
///
/// Columns that are not known stay empty; those that must not be empty are zero. The phase is empty: nobody saw how far
/// the attempt came.
fn insert(now: &str, source: &str, returning: &str) -> String {
    let closing = CLOSING_COLUMNS.split(", ").map(|column| match column {
        "closed_at" => now.to_owned(),
        "ended" => format!("'{}'", words::of_end(End::Lost)),
        "class" => format!("'{}'", words::of_class(Class::UnknownOutcome)),
        "charged_per_mille" => Class::UnknownOutcome
            .charge_probability()
            .as_permille()
            .to_string(),
        "duration_us" | "pictures" | "drafts" | "bytes" => "0".to_owned(),
        _ => "NULL".to_owned(),
    });
    let closing: Vec<_> = closing.collect();
    // A closing that its writer still wrote counts.
    format!(
        "INSERT INTO attempts ({OPENING_COLUMNS}, {CLOSING_COLUMNS}) \
         SELECT {OPENING_COLUMNS}, {} FROM {source} ON CONFLICT (id) DO NOTHING \
         RETURNING {returning}",
        closing.join(", ")
    )
}

/// Those that can be read: of the others it is enough that they are closed.
fn stored(rows: &[AnyRow]) -> Vec<Stored> {
    let read = |row: &AnyRow| unpack(row.try_get(0).ok()?, ended).ok();
    let mut found: Vec<_> = rows.iter().filter_map(read).collect();
    found.sort_by_key(|stored: &Stored| stored.id);
    found
}
