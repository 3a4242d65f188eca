//! The tables, and what their rows mean.

use http::StatusCode;
use sqlx::{AnyPool, Row as _, any::AnyRow};

use super::{Digest, PublicId, Row, Scope, State, read_headers};
use crate::core::{BoxError, Money};

const TABLES: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS longhaul_replicas (id TEXT PRIMARY KEY, seen BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS longhaul_gateway (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS longhaul_operations (
        id TEXT PRIMARY KEY, scope TEXT NOT NULL, caller TEXT NOT NULL, key_digest TEXT, request_digest TEXT NOT NULL,
        state TEXT NOT NULL, began BIGINT NOT NULL, ended BIGINT, class TEXT, status BIGINT, headers TEXT,
        length BIGINT NOT NULL, certain BIGINT NOT NULL, possible BIGINT, currency TEXT, owner TEXT NOT NULL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS longhaul_operations_key ON longhaul_operations (scope, key_digest)",
    "CREATE INDEX IF NOT EXISTS longhaul_operations_request ON longhaul_operations (scope, request_digest, ended)",
    "CREATE INDEX IF NOT EXISTS longhaul_operations_state ON longhaul_operations (state, ended)",
];

/// Makes the tables where there are none.
pub(crate) async fn make_tables(pool: &AnyPool) -> Result<(), BoxError> {
    for table in TABLES {
        make_table(pool, table).await?;
    }
    Ok(())
}

/// Two processes that begin at the same time disturb each other in PostgreSQL, once.
pub(crate) async fn make_table(pool: &AnyPool, table: &'static str) -> Result<(), BoxError> {
    if sqlx::query(table).execute(pool).await.is_err() {
        sqlx::query(table).execute(pool).await?;
    }
    Ok(())
}

/// Whether a database is PostgreSQL's, which others may share; anything else is a file.
pub(crate) fn is_postgres(place: &str) -> bool {
    place.starts_with("postgres://") || place.starts_with("postgresql://")
}

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
