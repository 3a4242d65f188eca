//! What a writer that is gone left open: nobody knows how it ended.

use longhaul::{Class, End};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};

use super::lock::Lock;
use crate::{
    error::LedgerError,
    location::Location,
    store::{CLOSING_COLUMNS, OPENING_COLUMNS, Store, Stored, ended, unpack},
};

/// Closes what writers that are gone left open, and returns it: as [`Lost`](End::Lost), in an unknown phase, after an
/// unknown time (zero), charged as likely as any [`UnknownOutcome`](Class::UnknownOutcome).
///
/// Of a file of SQLite's that is every open entry, since its lock is taken; [`InUse`](crate::LedgerErrorKind::InUse)
/// where a writer has it. On PostgreSQL it is the entries of writers whose lease has run out.
pub async fn recover(location: &Location) -> Result<Vec<Stored>, LedgerError> {
    // Nothing is made where no ledger is.
    let store = Store::open(location).await?;
    let _lock = match location {
        Location::Sqlite(path) => Some(Lock::take(path, "recovery")?),
        Location::Postgres(_) => None,
    };
    lost(&store).await
}

/// The same, where the caller has the lock.
pub(super) async fn lost(store: &Store) -> Result<Vec<Stored>, LedgerError> {
    let mut connection = store.pool().acquire().await?;
    let returning = store.packed(&[OPENING_COLUMNS, CLOSING_COLUMNS]);
    match store.location() {
        Location::Sqlite(_) => on_sqlite(&mut connection, &returning).await,
        Location::Postgres(_) => on_postgres(&mut connection, &returning).await,
    }
}

async fn on_sqlite(
    connection: &mut AnyConnection,
    returning: &str,
) -> Result<Vec<Stored>, LedgerError> {
    // In microseconds; SQLite's own clock ticks in milliseconds.
    let now = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    let mut transaction = connection.begin().await?;
    let found = fetch(
        &mut transaction,
        &insert(now, "running WHERE TRUE", returning),
    )
    .await?;
    transaction.execute("DELETE FROM running").await?;
    transaction.execute("DELETE FROM writers").await?;
    transaction.commit().await?;
    Ok(found)
}

/// The clock that leases are held by: PostgreSQL's, since those of several machines differ.
pub(super) const NOW: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";

async fn on_postgres(
    connection: &mut AnyConnection,
    returning: &str,
) -> Result<Vec<Stored>, LedgerError> {
    // Two that recover at once never take the same row.
    let moved = format!(
        "WITH gone AS (\
             SELECT id FROM running WHERE NOT EXISTS (\
                 SELECT FROM writers WHERE writers.id = running.writer AND lease_until_at > {NOW}) \
             FOR UPDATE SKIP LOCKED), \
         moved AS (DELETE FROM running USING gone WHERE running.id = gone.id RETURNING running.*) {}",
        insert(NOW, "moved", returning)
    );
    let found = fetch(connection, &moved).await?;
    let writers = format!(
        "DELETE FROM writers WHERE lease_until_at <= {NOW} \
         AND NOT EXISTS (SELECT FROM running WHERE running.writer = writers.id)"
    );
    connection.execute(AssertSqlSafe(writers)).await?;
    Ok(found)
}

/// Writes what stands in `source` as lost.
fn insert(now: &str, source: &str, returning: &str) -> String {
    let closing = CLOSING_COLUMNS.split(", ").map(|column| match column {
        "closed_at" => now.to_owned(),
        "ended" => format!("'{}'", End::Lost.name()),
        "class" => format!("'{}'", Class::UnknownOutcome.name()),
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

async fn fetch(
    connection: &mut AnyConnection,
    statement: &str,
) -> Result<Vec<Stored>, LedgerError> {
    let rows = sqlx::query(AssertSqlSafe(statement))
        .fetch_all(connection)
        .await?;
    let found: Result<Vec<_>, _> = rows
        .iter()
        .map(|row| unpack(row.try_get(0)?, ended))
        .collect();
    found.map(|mut found| {
        found.sort_by_key(|stored| stored.id);
        found
    })
}
