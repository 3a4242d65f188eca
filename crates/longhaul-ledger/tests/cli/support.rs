//! A ledger in a test's own folder or database, and the program run on it.

use std::{
    process::{Command, Output},
    time::Duration,
};

use longhaul::Class;
use longhaul_ledger::{Location, Store};
use longhaul_testing::Postgres;
use sqlx::AnyPool;
use tempfile::TempDir;
use uuid::Uuid;

/// A ledger that the program reads, and rows are put into.
pub(crate) struct Ledger {
    url: String,
    pool: AnyPool,
    pub(crate) folder: TempDir,
    next: std::cell::Cell<u64>,
}

/// An attempt, as it stands in the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) operation: u128,
    pub(crate) attempt: i64,
    /// RFC 3339.
    pub(crate) opened: String,
    pub(crate) provider: &'static str,
    pub(crate) model: &'static str,
    pub(crate) class: Class,
    pub(crate) status: Option<i64>,
    pub(crate) price: Option<(i64, &'static str)>,
    /// Seconds on the provider's clock, at least and at most.
    pub(crate) clock: Option<(i64, i64)>,
}

/// The first attempt of operation number `operation`, delivered in time, for five cents.
pub(crate) fn delivered(operation: u128, opened: &str) -> Row {
    Row {
        operation,
        attempt: 1,
        opened: opened.to_owned(),
        provider: "relay.example.com",
        model: "nano-banana-pro",
        class: Class::Delivered,
        status: Some(200),
        price: Some((50_000, "USD")),
        clock: Some((100, 101)),
    }
}

impl Row {
    pub(crate) fn ended(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    pub(crate) fn attempt(mut self, attempt: i64) -> Self {
        self.attempt = attempt;
        self
    }

    pub(crate) fn at(mut self, provider: &'static str) -> Self {
        self.provider = provider;
        self
    }

    pub(crate) fn model(mut self, model: &'static str) -> Self {
        self.model = model;
        self
    }

    pub(crate) fn price(mut self, price: Option<(i64, &'static str)>) -> Self {
        self.price = price;
        self
    }

    pub(crate) fn clock(mut self, at_least: i64, at_most: i64) -> Self {
        self.clock = Some((at_least, at_most));
        self
    }
}

/// The key that no output may show, and the id that support asks for.
pub(crate) const REQUEST_ID: &str = "8d1f2c7e";

impl Ledger {
    pub(crate) async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("spend.db").display().to_string();
        Self::at(&path, &format!("sqlite:{path}"), folder).await
    }

    /// `None`, said aloud, where the machine has no PostgreSQL.
    pub(crate) async fn postgres() -> Option<Self> {
        let url = Postgres::shared()?.database();
        Some(Self::at(&url, &url, TempDir::new().unwrap()).await)
    }

    /// In PostgreSQL, with a call of 17 January 2026 that was delivered and one that runs.
    pub(crate) async fn one_ended_and_one_running() -> Option<Self> {
        let ledger = Self::postgres().await?;
        let day = "2026-01-17T10:00:00Z";
        ledger.add(&delivered(1, day)).await;
        ledger.add_running(2, 1, day).await;
        Some(ledger)
    }

    async fn at(place: &str, url: &str, folder: TempDir) -> Self {
        let location: Location = place.parse().unwrap();
        Store::create(&location).await.unwrap();
        Self {
            url: place.to_owned(),
            pool: AnyPool::connect(url).await.unwrap(),
            folder,
            next: std::cell::Cell::new(1),
        }
    }

    /// Puts an attempt into the ledger, and returns its entry's id.
    pub(crate) async fn add(&self, row: &Row) -> Uuid {
        let opened: jiff::Timestamp = row.opened.parse().unwrap();
        let id = self.id(opened);
        let micros = opened.as_microsecond();
        let ids = format!(r#"[["x-request-id","{REQUEST_ID}"]]"#);
        sqlx::query(
            "INSERT INTO attempts (id, operation, attempt, opened_at, idempotency_key, provider, model, resolution, \
             images, price_micros, currency, host, path, closed_at, ended, class, phase, duration_us, \
             charged_per_mille, status, at_least_us, at_most_us, request_ids, pictures, drafts, bytes) \
             VALUES ($1, $2, $3, $4, 'key-1', $5, $6, 'K4', 1, $7, $8, 'relay.example.com', '/v1/images', $9, \
             'Finished', $10, 'Body', 101000000, $11, $12, $13, $14, $15, 1, 0, 100)",
        )
        .bind(id.as_bytes().to_vec())
        .bind(row.operation.to_be_bytes().to_vec())
        .bind(row.attempt)
        .bind(micros)
        .bind(row.provider)
        .bind(row.model)
        .bind(row.price.map(|(micros, _)| micros))
        .bind(row.price.map(|(_, currency)| currency))
        .bind(micros + 101_000_000)
        .bind(row.class.name())
        .bind(i64::from(row.class.charge_probability().as_permille()))
        .bind(row.status)
        .bind(row.clock.map(|(at_least, _)| at_least * 1_000_000))
        .bind(row.clock.map(|(_, at_most)| at_most * 1_000_000))
        .bind(ids)
        .execute(&self.pool)
        .await
        .unwrap();
        id
    }

    /// Puts attempts into the ledger, a file, that are all alike but for their ids and times.
    pub(crate) async fn add_alike(&self, attempts: usize) {
        let statement = format!(
            "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {attempts}) \
             INSERT INTO attempts (id, operation, attempt, opened_at, provider, model, resolution, images, price_micros, \
             currency, path, closed_at, ended, class, phase, duration_us, charged_per_mille, pictures, drafts, bytes) \
             SELECT unhex(printf('019BC9E5E4007000%016X', n)), unhex(printf('%032X', n)), 1, 1768608000000000 + n, \
             'relay.example.com', 'nano-banana-pro', 'K4', 1, 50000, 'USD', '/v1/images', 1768608100000000 + n, \
             'Finished', 'Delivered', 'Body', 100000000, 1000, 1, 0, 100 FROM number"
        );
        self.execute(&statement).await;
    }

    /// Notes that an attempt submitted a task.
    pub(crate) async fn note_submit(&self, entry: Uuid, dialect: &str, at: &str) {
        let at: jiff::Timestamp = at.parse().unwrap();
        sqlx::query("INSERT INTO submits (entry, dialect, submitted_at) VALUES ($1, $2, $3)")
            .bind(entry.as_bytes().to_vec())
            .bind(dialect.to_owned())
            .bind(at.as_microsecond())
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Notes the task that came of it, which is open.
    pub(crate) async fn note_task(&self, entry: Uuid, dialect: &str, task: &str, at: &str) {
        let at: jiff::Timestamp = at.parse().unwrap();
        sqlx::query(
            "INSERT INTO task_handles (entry, task, dialect, submitted_at, state) VALUES ($1, $2, $3, $4, 'Open')",
        )
        .bind(entry.as_bytes().to_vec())
        .bind(task.to_owned())
        .bind(dialect.to_owned())
        .bind(at.as_microsecond())
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Where it is, as the program is told.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Changes what stands in it, as another program could.
    pub(crate) async fn execute(&self, statement: &str) {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }

    /// Nobody has it open any more.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// Puts an attempt that runs and may cost so much into the ledger.
    pub(crate) async fn add_running_priced(&self, operation: u128, micros: i64) {
        self.add_running(operation, 1, "2026-01-17T01:00:00Z").await;
        sqlx::query("UPDATE running SET price_micros = $1 WHERE operation = $2")
            .bind(micros)
            .bind(operation.to_be_bytes().to_vec())
            .execute(&self.pool)
            .await
            .unwrap();
    }

    /// Puts an attempt that runs into the ledger.
    pub(crate) async fn add_running(&self, operation: u128, attempt: i64, opened: &str) {
        let opened: jiff::Timestamp = opened.parse().unwrap();
        sqlx::query(
            "INSERT INTO running (id, writer, operation, attempt, opened_at, provider, model, resolution, images, \
             price_micros, currency, path) \
             VALUES ($1, $1, $2, $3, $4, 'relay.example.com', 'nano-banana-pro', 'K4', 1, 50000, 'USD', '/')",
        )
        .bind(self.id(opened).as_bytes().to_vec())
        .bind(operation.to_be_bytes().to_vec())
        .bind(attempt)
        .bind(opened.as_microsecond())
        .execute(&self.pool)
        .await
        .unwrap();
    }

    /// Does `work`, and ends all that runs in a database at the moment at which `work` waits to read it.
    pub(crate) async fn end_before_running_is_read<T>(
        &self,
        class: Class,
        work: impl Future<Output = T>,
    ) -> T {
        let class = class.name();
        let end = format!(
            "LOCK TABLE running IN ACCESS EXCLUSIVE MODE; \
             INSERT INTO attempts (id, operation, attempt, opened_at, provider, model, resolution, images, price_micros, \
             currency, path, closed_at, ended, class, phase, duration_us, charged_per_mille, pictures, drafts, bytes) \
             SELECT id, operation, attempt, opened_at, provider, model, resolution, images, price_micros, currency, path, \
             opened_at + 100000000, 'Finished', '{class}', 'Body', 100000000, 1000, 1, 0, 100 FROM running; \
             DELETE FROM running"
        );
        let mut ends = self.pool.begin().await.unwrap();
        let end = sqlx::raw_sql(sqlx::AssertSqlSafe(end));
        end.execute(&mut *ends).await.unwrap();
        let waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'running'::regclass \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let end = async {
            while sqlx::query_scalar::<_, i64>(waiting)
                .fetch_one(&self.pool)
                .await
                .unwrap()
                == 0
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            ends.commit().await.unwrap();
        };
        tokio::join!(work, end).0
    }

    /// Puts what the provider's log says of an attempt into the ledger.
    pub(crate) async fn log(
        &self,
        entry: Uuid,
        charged: i64,
        credited: i64,
        currency: &str,
        seconds: Option<i64>,
    ) {
        sqlx::query(
            "INSERT INTO verdicts (entry, import, log_id, charged_micros, credited_micros, currency, duration_us) \
             VALUES ($1, $1, 'row-1', $2, $3, $4, $5)",
        )
        .bind(entry.as_bytes().to_vec())
        .bind(charged)
        .bind(credited)
        .bind(currency)
        .bind(seconds.map(|seconds| seconds * 1_000_000))
        .execute(&self.pool)
        .await
        .unwrap();
    }

    fn id(&self, opened: jiff::Timestamp) -> Uuid {
        let number = self.next.get();
        self.next.set(number + 1);
        let millis = u128::try_from(opened.as_millisecond()).unwrap();
        Uuid::from_u128(millis << 80 | 7 << 76 | 2 << 62 | u128::from(number))
    }

    /// Runs the program on this ledger.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let mut command = program();
        command.args(arguments).env("LONGHAUL_LEDGER", &self.url);
        Run::of(command.output().unwrap())
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longhaul-ledger"));
    command.env_remove("LONGHAUL_LEDGER");
    command
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It ended with 0.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// One JSON value a line.
    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let line =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        self.stdout.lines().map(line).collect()
    }

    /// The one JSON value.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.remove(0)
    }
}

/// The same test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($(async fn $name:ident($ledger:ident: Ledger) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn test($ledger: Ledger) $body

            #[tokio::test]
            async fn sqlite() {
                test(Ledger::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(ledger) = Ledger::postgres().await {
                    test(ledger).await;
                }
            }
        }
    )*};
}
pub(crate) use on_both;
