//! Ledgers with entries in them, and what lies in their tables afterwards.

use std::time::{Duration, SystemTime};

use longhaul::billing::Record;
use longhaul_ledger::{EntryId, Location, Store};
use longhaul_testing::Postgres;
use sqlx::{AnyConnection, Connection, Executor as _, Row};
use tempfile::TempDir;
use uuid::Uuid;

/// 17 January 2026, 00:00 UTC.
pub(crate) const EPOCH: i64 = 1_768_608_000;

/// So many seconds after the [`EPOCH`].
pub(crate) fn at(seconds: f64) -> SystemTime {
    let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH as u64);
    let span = Duration::from_secs_f64(seconds.abs());
    if seconds < 0.0 {
        epoch - span
    } else {
        epoch + span
    }
}

pub(crate) const PROVIDER: &str = "relay.example";

/// A ledger, in a folder or a database of its own.
pub(crate) struct Book {
    pub(crate) store: Store,
    url: String,
    _folder: Option<TempDir>,
}

/// What is written down of one attempt's verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    pub(crate) charged: i64,
    pub(crate) credited: i64,
    pub(crate) log_id: Option<String>,
    pub(crate) duration_us: Option<i64>,
    pub(crate) basis: String,
}

impl Book {
    pub(crate) async fn sqlite(records: &[Record]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spend.db");
        let url = format!("sqlite://{}", path.display());
        Self::filled(Location::Sqlite(path), url, Some(folder), records).await
    }

    /// `None` where the machine has no PostgreSQL, which is said aloud.
    pub(crate) async fn postgres(records: &[Record]) -> Option<Self> {
        let url = Postgres::shared()?.database();
        let location = url.parse().unwrap();
        Some(Self::filled(location, url, None, records).await)
    }

    async fn filled(
        location: Location,
        url: String,
        folder: Option<TempDir>,
        records: &[Record],
    ) -> Self {
        let book = Self {
            store: Store::create(&location).await.unwrap(),
            url,
            _folder: folder,
        };
        let mut connection = book.connect().await;
        // Each by itself would be a commit, which waits for the disk.
        let mut all = connection.begin().await.unwrap();
        for record in records {
            insert(&mut all, new_id(record), record).await;
        }
        all.commit().await.unwrap();
        // Waited for: whoever looks at the file finds it at rest.
        connection.close().await.unwrap();
        book
    }

    /// Where it is, as the program is told.
    pub(crate) fn place(&self) -> &str {
        &self.url
    }

    /// The same for a role that may only read; of a database.
    pub(crate) async fn reader(&self) -> String {
        let (server, database) = self.url.rsplit_once('/').unwrap();
        let role = format!("reader_of_{database}");
        let statement = format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
        );
        let mut connection = self.connect().await;
        connection
            .execute(sqlx::AssertSqlSafe(statement))
            .await
            .unwrap();
        let (_, host) = server.rsplit_once('@').unwrap();
        format!("postgres://{role}@{host}/{database}")
    }

    async fn connect(&self) -> AnyConnection {
        AnyConnection::connect(&self.url).await.unwrap()
    }

    /// Puts an attempt into the ledger that runs, and returns the name of its entry.
    pub(crate) async fn begin(&self, record: &Record) -> Uuid {
        let (id, opening) = (new_id(record), &record.opening);
        sqlx::query(
            "INSERT INTO running (id, writer, operation, attempt, opened_at, provider, model, resolution, images, \
             price_micros, currency, path) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, 1, $8, $9, '/')",
        )
        .bind(id.as_bytes().to_vec())
        .bind(opening.operation.as_u128().to_be_bytes().to_vec())
        .bind(i64::from(opening.attempt))
        .bind(micros(since_1970(opening.opened_at)))
        .bind(opening.provider.as_deref().map(str::to_owned))
        .bind(opening.model.as_deref().map(str::to_owned))
        .bind(opening.resolution.name().to_owned())
        .bind(opening.price.map(|price| price.micros))
        .bind(opening.price.map(|price| price.currency.as_str().to_owned()))
        .execute(&mut self.connect().await)
        .await
        .unwrap();
        id
    }

    /// Writes how an attempt ended, and leaves it among those that run.
    pub(crate) async fn close(&self, id: Uuid, record: &Record) {
        insert(&mut self.connect().await, id, record).await;
    }

    /// An attempt does not run any more.
    pub(crate) async fn forget_running(&self, id: Uuid) {
        sqlx::query("DELETE FROM running WHERE id = $1")
            .bind(id.as_bytes().to_vec())
            .execute(&mut self.connect().await)
            .await
            .unwrap();
    }

    /// What the ledger says of this entry.
    pub(crate) async fn verdict(&self, entry: EntryId) -> Option<Written> {
        let id: Uuid = entry.to_string().parse().unwrap();
        let row = sqlx::query(
            "SELECT charged_micros, credited_micros, log_id, duration_us, basis FROM verdicts WHERE entry = $1",
        )
        .bind(id.as_bytes().to_vec())
        .fetch_optional(&mut self.connect().await)
        .await
        .unwrap()?;
        Some(Written {
            charged: row.get("charged_micros"),
            credited: row.get("credited_micros"),
            log_id: row.get("log_id"),
            duration_us: row.get("duration_us"),
            basis: row.get("basis"),
        })
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let count = format!("SELECT COUNT(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(&mut self.connect().await)
            .await
            .unwrap()
    }
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap()
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap()
}

/// The name of an entry leads with its time.
fn new_id(record: &Record) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(
        since_1970(record.opening.opened_at).as_millis() as u64,
        &std::array::from_fn(|_| fastrand::u8(..)),
    )
    .into_uuid()
}

/// As a ledger writes an entry that has ended.
async fn insert(connection: &mut AnyConnection, id: Uuid, record: &Record) {
    let opening = &record.opening;
    let closing = record.closing.as_ref().unwrap();
    let opened = since_1970(opening.opened_at);
    let ids: Vec<_> = closing
        .evidence
        .request_ids
        .iter()
        .map(|id| (id.from, &*id.id))
        .collect();
    let outcome = closing.outcome;
    sqlx::query(
        "INSERT INTO attempts (id, operation, attempt, opened_at, provider, model, resolution, images, price_micros, \
         currency, path, closed_at, ended, class, phase, duration_us, charged_per_mille, flushed_us, at_least_us, \
         at_most_us, request_ids, pictures, drafts, bytes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, '/', $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, 0, 0)",
    )
    .bind(id.as_bytes().to_vec())
    .bind(opening.operation.as_u128().to_be_bytes().to_vec())
    .bind(i64::from(opening.attempt))
    .bind(micros(opened))
    .bind(opening.provider.as_deref().map(str::to_owned))
    .bind(opening.model.as_deref().map(str::to_owned))
    .bind(opening.resolution.name().to_owned())
    .bind(opening.price.map(|price| price.micros))
    .bind(opening.price.map(|price| price.currency.as_str().to_owned()))
    .bind(micros(opened + outcome.duration))
    .bind(outcome.end.name().to_owned())
    .bind(outcome.class.name().to_owned())
    .bind(outcome.phase.name().to_owned())
    .bind(micros(outcome.duration))
    .bind(i64::from(outcome.exposure.probability.as_permille()))
    .bind(closing.flushed.map(micros))
    .bind(closing.provider_clock.map(|clock| micros(clock.at_least)))
    .bind(closing.provider_clock.map(|clock| micros(clock.at_most)))
    .bind(serde_json::to_string(&ids).unwrap())
    .execute(connection)
    .await
    .unwrap();
}
