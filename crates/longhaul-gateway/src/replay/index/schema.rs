//! The tables, and what their rows mean.
//!
//! One schema in the words that SQLite and PostgreSQL share: texts, and integers of 64 bits. Digests and ids are
//! hexadecimal text, so that a person can look for one; times are milliseconds since 1970; money is in millionths
//! with its currency beside it.
//!
//! Tables are made where they are missing, and never changed: a further column is a further table or a new name.

use http::StatusCode;
use sqlx::{AnyPool, Row as _, any::AnyRow};

use super::{Digest, PublicId, Row, Scope, State, read_headers};
use crate::core::{BoxError, Money};

/// `longhaul_operations_key` is what makes one key one operation; the two others keep a retry and the sweep from
/// reading all rows. `owner` is the process that runs an operation, as `longhaul_replicas` has it.
///
/// `longhaul_forgotten` has what operations cost whose rows are removed. Which ones are, the last index finds.
const TABLES: [&str; 8] = [
    "CREATE TABLE IF NOT EXISTS longhaul_replicas (id TEXT PRIMARY KEY, seen BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS longhaul_gateway (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS longhaul_operations (
        id TEXT PRIMARY KEY, scope TEXT NOT NULL, caller TEXT NOT NULL, key_digest TEXT, request_digest TEXT NOT NULL,
        state TEXT NOT NULL, began BIGINT NOT NULL, ended BIGINT, class TEXT, status BIGINT, headers TEXT,
        length BIGINT NOT NULL, certain BIGINT NOT NULL, possible BIGINT, currency TEXT, owner TEXT NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS longhaul_operations_key ON longhaul_operations (scope, key_digest)",
    "CREATE INDEX IF NOT EXISTS longhaul_operations_request ON longhaul_operations (scope, request_digest, ended)",
    "CREATE INDEX IF NOT EXISTS longhaul_operations_state ON longhaul_operations (state, ended)",
    "CREATE TABLE IF NOT EXISTS longhaul_forgotten (
        caller TEXT NOT NULL, currency TEXT NOT NULL, day BIGINT NOT NULL, certain BIGINT NOT NULL,
        possible BIGINT NOT NULL, PRIMARY KEY (caller, currency, day))",
    "CREATE INDEX IF NOT EXISTS longhaul_operations_keyless ON longhaul_operations (ended) WHERE key_digest IS NULL",
];

/// Makes the tables where there are none.
///
/// Also called by the shared accounts, which read `longhaul_operations` where replay is off.
pub(crate) async fn make_tables(pool: &AnyPool) -> Result<(), BoxError> {
    for table in TABLES {
        make_table(pool, table).await?;
    }
    Ok(())
}

/// Two processes that begin at the same time disturb each other in PostgreSQL, once.
///
/// `IF NOT EXISTS` is no lock there: both find nothing, and the second creation fails. Asked again, it finds the
/// table.
pub(crate) async fn make_table(pool: &AnyPool, table: &'static str) -> Result<(), BoxError> {
    if sqlx::query(table).execute(pool).await.is_err() {
        sqlx::query(table).execute(pool).await?;
    }
    Ok(())
}

/// Whether a database is PostgreSQL's, which others may share; anything else is a file.
///
/// By the scheme alone; a path that begins so is not to be expected.
pub(crate) fn is_postgres(place: &str) -> bool {
    place.starts_with("postgres://") || place.starts_with("postgresql://")
}

/// `mode=rwc` makes the file where there is none.
pub(super) fn sqlite_url(path: &str) -> Result<String, BoxError> {
    // What has a meaning in a URL is no part of a path that we can write there.
    if path.contains(['?', '#', '%']) {
        return Err(
            format!("{path:?}: the path of a database must not contain `?`, `#` or `%`").into(),
        );
    }
    Ok(format!("sqlite://{path}?mode=rwc"))
}

/// Made once for a database. Two processes that begin at the same time agree on the first one's.
///
/// Read back after the insertion, whoever made it: a process that trusted its own would recognise nobody's requests.
pub(super) async fn secret(pool: &AnyPool) -> Result<[u8; 32], BoxError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    sqlx::query(
        "INSERT INTO longhaul_gateway (name, value) VALUES ('secret', $1) ON CONFLICT (name) DO NOTHING",
    )
    .bind(hex::encode(secret))
    .execute(pool)
    .await?;
    let row = sqlx::query("SELECT value FROM longhaul_gateway WHERE name = 'secret'")
        .fetch_one(pool)
        .await?;
    let text: String = row.try_get(0)?;
    hex::decode_to_slice(text, &mut secret)?;
    Ok(secret)
}

/// Columns by their place in `rows_where!`. A row that cannot be understood is an error and no default: a wrong state
/// would cost money, a wrong scope a picture.
pub(super) fn read(row: &AnyRow) -> Result<Row, BoxError> {
    let text = |column: usize| row.try_get::<String, _>(column);
    let digest = |digits: &str| -> Result<Digest, BoxError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes)?;
        Ok(Digest(bytes))
    };
    let possible: Option<i64> = row.try_get(13)?;
    let currency: Option<String> = row.try_get(14)?;
    let possible = possible.zip(currency).and_then(|(micros, currency)| {
        Some(Money {
            micros,
            currency: currency.parse().ok()?,
        })
    });
    let key: Option<String> = row.try_get(3)?;
    let status: Option<i64> = row.try_get(9)?;
    let headers: Option<String> = row.try_get(10)?;
    Ok(Row {
        id: PublicId::of_digits(&text(0)?).ok_or("an id is not one")?,
        scope: Scope::from_bytes(digest(&text(1)?)?.0),
        caller: text(2)?,
        key: key.as_deref().map(digest).transpose()?,
        request: digest(&text(4)?)?,
        state: State::named(&text(5)?)
            .ok_or("a state is not known: is the database a newer version's?")?,
        began: row.try_get(6)?,
        ended: row.try_get(7)?,
        class: row.try_get(8)?,
        status: status
            .and_then(|status| u16::try_from(status).ok())
            .and_then(|status| StatusCode::from_u16(status).ok()),
        headers: read_headers(&headers.unwrap_or_default()),
        length: u64::try_from(row.try_get::<i64, _>(11)?)?,
        certain: row.try_get(12)?,
        possible,
    })
}
