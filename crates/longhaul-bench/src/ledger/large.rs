//! A ledger of a year: how large it is, and how soon a month of it is reported and claimed.
//!
//! The year is filled in large transactions, because one attempt a time would take hours; what is measured afterwards
//! goes through the ledger's own code. One month in the middle is asked for, so that rows lie before and behind it.

use std::{error::Error, path::Path, time::Duration};

use jiff::tz::TimeZone;
use longhaul_ledger::{Filter, Location, Period, Store, claims::ClaimBook, month};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};
use tokio::time::Instant;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) attempts: u64,
    pub(crate) bytes_per_attempt: f64,
    /// `report` of one month: each day, provider, model and resolution.
    pub(crate) report: Duration,
    /// `claims` of one month, by the built-in rules.
    pub(crate) claims: Duration,
    pub(crate) claims_found: usize,
}

/// More than an attempt takes, the log of the transactions included.
const BYTES_NEEDED: u64 = 1_000;

/// One transaction holds so many.
const CHUNK: u64 = 500_000;

/// Fills a ledger in `folder` with so many attempts over twelve months, and asks for the sixth.
pub(crate) async fn measure(folder: &Path, attempts: u64) -> Result<Measured, Box<dyn Error>> {
    let path = folder.join("large.db");
    make_room(&path, attempts)?;
    let location = Location::Sqlite(path.clone());
    let store = Store::create(&location).await?;
    fill(&path, attempts).await?;
    let size = std::fs::metadata(&path)?.len();

    let june = month("2025-06")?;
    let period = Period::month_of(june, TimeZone::UTC)?;
    let began = Instant::now();
    let rows = store.report(&period, &Filter::default()).await?.rows;
    let report = began.elapsed();
    let counted: i64 = rows.iter().map(|row| row.figures.attempts).sum();
    if counted == 0 {
        return Err("the report of a month in the middle of the year is empty".into());
    }
    let began = Instant::now();
    let found = store
        .claims_of_month(&ClaimBook::default(), june, &Filter::default())
        .await?;
    Ok(Measured {
        attempts,
        bytes_per_attempt: size as f64 / attempts as f64,
        report,
        claims: began.elapsed(),
        claims_found: found.claims.len(),
    })
}

/// Takes the room on the disk for a moment, so that a full one is told before and not in the middle.
fn make_room(path: &Path, attempts: u64) -> Result<(), Box<dyn Error>> {
    let needed = attempts.saturating_mul(BYTES_NEEDED);
    let free = rustix::fs::statvfs(path.parent().unwrap_or(path))?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    if free < needed {
        return Err(format!(
            "{attempts} attempts need {needed} bytes of disk, and {free} are free"
        )
        .into());
    }
    Ok(())
}

async fn fill(path: &Path, attempts: u64) -> Result<(), Box<dyn Error>> {
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await?;
    // What is lost with the machine is made again.
    connection.execute("PRAGMA synchronous = OFF").await?;
    let mut from = 0;
    while from < attempts {
        let until = (from + CHUNK).min(attempts);
        connection
            .execute(AssertSqlSafe(insertion(from, until, attempts)))
            .await?;
        from = until;
    }
    connection
        .execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .await?;
    connection.close().await?;
    Ok(())
}

/// Attempts number `from` to `until` of `all`. Of a hundred, 90 deliver at once and 4 at the second try, of which one was
/// cut before; two bring nothing. A tenth of the first in every fifth hundred take longer than 180 s.
fn insertion(from: u64, until: u64, all: u64) -> String {
    // 2025 has so many milliseconds.
    const YEAR: u64 = 365 * 86_400_000;
    const BEGAN: u64 = 1_735_689_600_000;
    format!(
        "WITH RECURSIVE \
         n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {until}), \
         d AS (SELECT i, i % 100 AS r, i / 100 AS h, {BEGAN} + CAST(i * ({YEAR}.0 / {all}) AS INTEGER) AS ms FROM n), \
         e AS (SELECT i, r, h, ms, \
             CASE WHEN r BETWEEN 93 AND 95 THEN i - 3 WHEN r = 97 THEN i - 1 ELSE i END AS op, \
             CASE WHEN r BETWEEN 93 AND 95 OR r = 97 THEN 2 ELSE 1 END AS attempt, \
             CASE WHEN r BETWEEN 90 AND 92 THEN 'Overloaded' WHEN r = 96 THEN 'UnknownOutcome' \
                  WHEN r = 98 THEN 'NoImage' WHEN r = 99 THEN 'Undelivered' ELSE 'Delivered' END AS class, \
             CASE WHEN h % 5 = 0 AND r < 10 THEN 240000000 ELSE 95000000 + i % 1000000 END AS us FROM d) \
         INSERT INTO attempts (id, operation, attempt, opened_at, idempotency_key, provider, model, resolution, images, \
             price_micros, currency, host, path, closed_at, ended, class, phase, duration_us, charged_per_mille, status, \
             http_version, flushed_us, head_us, at_least_us, at_most_us, request_ids, pictures, drafts, finish_reason, \
             output_tokens, bytes) \
         SELECT unhex(printf('%012x7%03x8%015x', ms, i % 4096, i)), unhex(printf('%012x7%03x8%015x', {BEGAN} + CAST(op * ({YEAR}.0 / {all}) AS INTEGER), op % 4096, op)), \
             attempt, ms * 1000, printf('%032x', op * 2654435761), \
             CASE h % 3 WHEN 0 THEN 'relay.example.com' WHEN 1 THEN 'api.laozhang.ai' ELSE 'openrouter.ai' END, \
             CASE h % 2 WHEN 0 THEN 'gemini-3-pro-image-preview' ELSE 'nano-banana-pro' END, \
             CASE h % 4 WHEN 0 THEN 'K1' WHEN 1 THEN 'K2' ELSE 'K4' END, 1, 50000, 'USD', \
             'relay.example.com', '/v1beta/models/gemini-3-pro-image-preview:generateContent', ms * 1000 + us, \
             'Finished', class, 'Body', us, \
             CASE class WHEN 'Overloaded' THEN 0 WHEN 'UnknownOutcome' THEN 900 ELSE 1000 END, \
             CASE class WHEN 'Overloaded' THEN 503 WHEN 'UnknownOutcome' THEN NULL ELSE 200 END, \
             'HTTP/1.1', 900000, us - 2000000, us - 2900000, us, \
             printf('[[\"x-request-id\",\"%032x\"]]', i * 40503), class = 'Delivered', 0, 'STOP', 2000, 20000000 FROM e"
    )
}
