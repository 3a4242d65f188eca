//! A ledger of its own for each test, and entries to write into it.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use longhaul::{
    Class, End, Exposure, OperationId, Outcome, Phase,
    billing::{Closing, Opening, Slot},
    classify::Probability,
};
use longhaul_ledger::{
    Builder, DurableLedger, EntryId, LedgerError, LedgerErrorKind, Location, Period, Stored,
    durable::DurableSlot, report::Figures, store::Filter,
};
use longhaul_testing::Postgres;
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// No test waits for so long; a slow machine may.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// A place for a ledger, empty.
#[derive(Clone)]
pub(crate) struct Place {
    location: Location,
    // Removed with the last clone.
    _folder: Option<Arc<TempDir>>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().expect("there is room for a folder");
        Self {
            location: Location::Sqlite(folder.path().join("spend.db")),
            _folder: Some(Arc::new(folder)),
        }
    }

    /// A database of the server that all tests share; `None`, said aloud, where the machine has none.
    pub(crate) fn postgres() -> Option<Self> {
        let postgres = Postgres::shared()?;
        Some(Self::at(&postgres.database()))
    }

    pub(crate) fn at(url: &str) -> Self {
        Self {
            location: url.parse().expect("it is a place"),
            _folder: None,
        }
    }

    pub(crate) const fn location(&self) -> &Location {
        &self.location
    }

    /// Where its file is, if it is one.
    pub(crate) fn path(&self) -> &std::path::Path {
        let Location::Sqlite(path) = &self.location else {
            panic!("{} is no file", self.location);
        };
        path
    }

    /// The file that lies beside it, with this ending.
    pub(crate) fn beside(&self, ending: &str) -> std::path::PathBuf {
        let mut name = self.path().as_os_str().to_owned();
        name.push(ending);
        name.into()
    }

    /// The names in its folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let folder = self.path().parent().expect("it lies in a folder");
        let entries = std::fs::read_dir(folder).expect("it is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.expect("it can be read").file_name();
            name.to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    /// Patient, so that a slow machine is no broken database.
    pub(crate) fn builder(&self) -> Builder {
        DurableLedger::builder(self.location.clone()).patience(LONG)
    }

    pub(crate) async fn open(&self) -> DurableLedger {
        self.builder().open().await.expect("it can be opened")
    }

    /// A process that does `work` with the ledger and is gone then: nothing of it runs on, nothing is put in order.
    pub(crate) fn die_after<F: Future<Output = ()>>(
        &self,
        lease: Duration,
        work: impl FnOnce(DurableLedger) -> F + Send + 'static,
    ) {
        let builder = self.builder().lease(lease).name("the dead");
        let process = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("there is room for a runtime");
            runtime.block_on(async {
                let ledger = builder.open().await.expect("it can be opened");
                work(ledger).await;
            });
        });
        process.join().expect("it did its work");
    }
}

/// The same test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($place:ident: Place) $body:block)*) => {$(
        mod $name {
            use super::*;

            async fn test($place: Place) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                test(Place::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(place) = Place::postgres() {
                    test(place).await;
                }
            }
        }
    )*};
}
pub(crate) use on_both;

/// Attempt number `number` of a new operation.
pub(crate) fn opening(number: u32) -> Opening {
    let operation = OperationId::from_u128(uuid::Uuid::now_v7().as_u128());
    let mut opening = Opening::new(operation, number);
    opening.provider = Some("relay".into());
    opening.path = "/v1/images/generations".into();
    opening
}

/// What a report says of all attempts that were opened within this hour, which share a currency.
pub(crate) async fn figures(ledger: &DurableLedger) -> Figures {
    let now = SystemTime::try_from(jiff::Timestamp::now()).expect("it is after 1970");
    let hour = Duration::from_secs(3600);
    let period = Period::new(now - hour, now + hour, jiff::tz::TimeZone::UTC);
    let period = period.expect("it ends after it begins");
    let report = ledger.store().report(&period, &Filter::default()).await;
    let rows = report.expect("it can be read").by(&[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].figures
}

pub(crate) fn closing(class: Class) -> Closing {
    let exposure = Exposure::new(class.charge_probability(), None);
    let duration = Duration::from_secs(120);
    Closing::new(Outcome::new(
        End::Finished,
        class,
        Phase::Body,
        duration,
        exposure,
    ))
}

/// Opens an entry, durably.
pub(crate) async fn open(ledger: &DurableLedger, opening: Opening) -> DurableSlot {
    let (slot, opened) = ledger.open_entry(opening);
    opened.await.expect("it is durable");
    slot
}

/// Opens an entry and closes it as delivered.
pub(crate) async fn deliver(ledger: &DurableLedger) {
    open(ledger, opening(1))
        .await
        .close(closing(Class::Delivered));
}

/// Why an opening was refused.
pub(crate) async fn refused(ledger: &DurableLedger) -> LedgerErrorKind {
    let (_, opened) = ledger.open_entry(opening(1));
    kind(&*opened.await.expect_err("it is refused")).clone()
}

/// The kind of an error that must be the ledger's.
pub(crate) fn kind<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a LedgerErrorKind {
    let error: &LedgerError = error.downcast_ref().expect("it is ours");
    error.kind()
}

pub(crate) async fn records(ledger: &DurableLedger) -> Vec<Stored> {
    ledger
        .store()
        .records(&Filter::default())
        .await
        .expect("it can be read")
}

pub(crate) fn ids(stored: &[Stored]) -> Vec<EntryId> {
    stored.iter().map(|stored| stored.id).collect()
}

/// How each ended; `None` where one is open.
pub(crate) fn ends(stored: &[Stored]) -> Vec<Option<(End, Class)>> {
    let of = |stored: &Stored| {
        let outcome = stored.record.closing.as_ref()?.outcome;
        Some((outcome.end, outcome.class))
    };
    stored.iter().map(of).collect()
}

/// What is written of an entry whose writer died.
pub(crate) const LOST: Option<(End, Class)> = Some((End::Lost, Class::UnknownOutcome));
pub(crate) const DELIVERED: Option<(End, Class)> = Some((End::Finished, Class::Delivered));

/// Charged as likely as any attempt whose outcome is unknown.
pub(crate) fn unknown() -> Probability {
    Class::UnknownOutcome.charge_probability()
}

/// What a database answers.
pub(crate) async fn query<T>(url: &str, statement: &'static str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut connection = PgConnection::connect(url).await.expect("it is there");
    sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await
        .expect("it can be asked")
}

pub(crate) async fn execute(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.expect("it is there");
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .expect("it can be done");
}
