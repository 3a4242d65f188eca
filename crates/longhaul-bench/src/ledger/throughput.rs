//! Attempts opened and closed durably per second, beside what the database and the disk can do by themselves.
//!
//! So many tasks at once do what a stack does: open an entry, wait until it is durable, close it. Closing is not waited
//! for, so its time is that of handing it over, and the longest one is told beside the median.

use std::{
    error::Error,
    fs::File,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use longhaul::{
    Class, End, Exposure, Money, OperationId, Outcome, Phase, Resolution,
    billing::{Closing, Opening, ProviderClock, Slot as _},
};
use longhaul_ledger::DurableLedger;
use sqlx::{
    PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::statistics::median;

/// How many attempts a second, and what the caller pays for closing one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) per_second: f64,
    /// The median time that a close takes the caller; not a number where nothing is closed.
    pub(super) close: Duration,
    /// The longest of them: also that waits for nothing but the processor.
    pub(super) longest_close: Duration,
}

/// One task of `in_flight` after the other opens an attempt, waits until that is durable, closes it, and begins anew.
pub(super) async fn attempts(
    ledger: &DurableLedger,
    in_flight: usize,
    duration: Duration,
) -> Result<Measured, Box<dyn Error>> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let ledger = ledger.clone();
        tasks.spawn(async move {
            let mut closes = Vec::new();
            while started.elapsed() < duration {
                let (slot, opened) = ledger.open_entry(opening());
                opened.await.map_err(|error| error.to_string())?;
                let closing = closing();
                let before = Instant::now();
                slot.close(closing);
                closes.push(before.elapsed());
            }
            Ok::<_, String>(closes)
        });
    }
    let mut closes = Vec::new();
    while let Some(done) = tasks.join_next().await {
        closes.extend(done??);
    }
    // The last closings count when they are durable too.
    ledger.flush().await?;
    let per_second = closes.len() as f64 / started.elapsed().as_secs_f64();
    let close = median(closes.iter().map(Duration::as_secs_f64));
    Ok(Measured {
        per_second,
        close: Duration::try_from_secs_f64(close).unwrap_or_default(),
        longest_close: closes.into_iter().max().unwrap_or_default(),
    })
}

/// What is known of an attempt at a relay.
fn opening() -> Opening {
    let operation = OperationId::from_u128(uuid::Uuid::now_v7().as_u128());
    let mut opening = Opening::new(operation, 1);
    opening.provider = Some("relay.example.com".into());
    opening.model = Some("gemini-3-pro-image-preview".into());
    opening.resolution = Resolution::K4;
    opening.price = Some(Money::usd_micros(50_000));
    opening.host = Some("relay.example.com".into());
    opening.path = "/v1beta/models/gemini-3-pro-image-preview:generateContent".into();
    opening
}

fn closing() -> Closing {
    let price = Some(Money::usd_micros(50_000));
    let exposure = Exposure::new(Class::Delivered.charge_probability(), price);
    let duration = Duration::from_millis(127_300);
    let (end, class) = (End::Finished, Class::Delivered);
    let mut closing = Closing::new(Outcome::new(end, class, Phase::Body, duration, exposure));
    closing.status = Some(http::StatusCode::OK);
    closing.http_version = Some(http::Version::HTTP_11);
    closing.flushed = Some(Duration::from_millis(12));
    closing.head = Some(Duration::from_millis(126_000));
    closing.provider_clock = Some(ProviderClock {
        at_least: Duration::from_millis(125_988),
        at_most: duration,
    });
    closing.evidence.images = 1;
    closing.evidence.finish_reason = Some("STOP".into());
    closing.evidence.output_tokens = Some(1_290);
    closing.evidence.bytes = 21_400_000;
    closing
}

/// The row that a plain `INSERT` writes: less than an opening, and nothing at the end.
const TABLE: &str =
    "CREATE TABLE plain (id BIGINT PRIMARY KEY, model TEXT, price BIGINT, path TEXT)";
const INSERT: &str = "INSERT INTO plain VALUES ($1, $2, $3, $4)";

/// One `INSERT` for each attempt, each a transaction: SQLite, one connection.
pub(super) async fn plain_sqlite(
    path: &Path,
    in_flight: usize,
    duration: Duration,
) -> Result<f64, Box<dyn Error>> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let rate = inserts(in_flight, duration, move |number| {
        let pool: SqlitePool = pool.clone();
        async move {
            let row = sqlx::query(INSERT)
                .bind(number)
                .bind(MODEL)
                .bind(50_000i64)
                .bind(PATH);
            row.execute(&pool).await.map(drop)
        }
    });
    rate.await
}

/// The same in PostgreSQL, with a connection for each attempt in flight, up to as many as a server usually gives.
pub(super) async fn plain_postgres(
    url: &str,
    in_flight: usize,
    duration: Duration,
) -> Result<f64, Box<dyn Error>> {
    const CONNECTIONS: usize = 50;
    let connections = u32::try_from(in_flight.min(CONNECTIONS))?;
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(60))
        .connect(url)
        .await?;
    sqlx::query("DROP TABLE IF EXISTS plain")
        .execute(&pool)
        .await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let rate = inserts(in_flight, duration, move |number| {
        let pool: PgPool = pool.clone();
        async move {
            let row = sqlx::query(INSERT)
                .bind(number)
                .bind(MODEL)
                .bind(50_000i64)
                .bind(PATH);
            row.execute(&pool).await.map(drop)
        }
    });
    rate.await
}

const MODEL: &str = "gemini-3-pro-image-preview";
const PATH: &str = "/v1beta/models/gemini-3-pro-image-preview:generateContent";

async fn inserts<F>(
    in_flight: usize,
    duration: Duration,
    insert: impl Fn(i64) -> F + Clone + Send + 'static,
) -> Result<f64, Box<dyn Error>>
where
    F: Future<Output = Result<(), sqlx::Error>> + Send,
{
    let started = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..in_flight {
        let (insert, next) = (insert.clone(), next.clone());
        tasks.spawn(async move {
            while started.elapsed() < duration {
                let number = next.fetch_add(1, Ordering::Relaxed);
                insert(number.cast_signed()).await?;
            }
            Ok::<_, sqlx::Error>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(next.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64())
}

/// How often a second the disk confirms a write of one record's size: the ceiling of whatever commits one by one.
pub(super) fn fdatasyncs(folder: &Path, duration: Duration) -> Result<f64, Box<dyn Error>> {
    const RECORD: [u8; 512] = [b'.'; 512];
    let mut file = File::create(folder.join("fdatasync"))?;
    let started = Instant::now();
    let mut written = 0u32;
    while started.elapsed() < duration {
        file.write_all(&RECORD)?;
        file.sync_data()?;
        written += 1;
    }
    Ok(f64::from(written) / started.elapsed().as_secs_f64())
}

/// Lets the disk come to rest between two measurements.
pub(super) async fn rest() {
    sleep(Duration::from_millis(500)).await;
}
