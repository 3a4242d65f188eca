//! A provider behind a socket that outlives its clients, workers that do not, and the ledger between them.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use longhaul::billing::Record;
use longhaul_ledger::{DurableLedger, Location, Stored, store::Filter};
use longhaul_sim::{Fault, Provider, Script, Weight, server::Server};
use longhaul_testing::Running;
use longhaul_testing::disagreements;

/// How many times as fast as real time the provider runs, and the policies with it.
pub(crate) const SPEED: f64 = 500.0;

/// Longer than anything here takes on a busy machine, and short enough to wait for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A worker that has made no call by then makes none.
const QUIET: Duration = Duration::from_secs(10);

/// What a worker of these tests meets: all ends that a call can have without waiting for a clock of ours.
const FAULTS: [Fault; 8] = [
    Fault::None,
    Fault::None,
    Fault::Overloaded,
    Fault::None,
    Fault::Cut {
        after: Duration::from_secs(10),
    },
    Fault::Truncated,
    Fault::ServerError,
    Fault::NoImage,
];

pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) server: Server,
    pub(crate) location: Location,
    checked: Checked,
}

/// What was found to agree already.
#[derive(Default)]
struct Checked {
    records: usize,
    entries: usize,
}

impl Scene {
    /// A provider that does now this and now that, and a ledger at `location`.
    pub(crate) async fn new(location: Location, seed: u64) -> Self {
        let chance = move |seen: &longhaul_sim::Seen<'_>| {
            let mut random = fastrand::Rng::with_seed(seed ^ seen.number);
            FAULTS[random.usize(..FAULTS.len())]
        };
        let provider = Provider::builder()
            .speed(SPEED)
            .seed(seed)
            .script(Script::from_fn(chance))
            .image_weight(Weight::Tiny)
            .generation(Duration::from_secs(20))
            .build()
            .expect("a speed that can be used");
        let server = Server::start(provider.clone()).await.expect("a free port");
        Self {
            provider,
            server,
            location,
            checked: Checked::default(),
        }
    }

    /// A process that makes calls and writes into the ledger, with these further arguments. Waits until its first
    /// request is here.
    pub(crate) async fn worker(&self, arguments: &[&str]) -> Running {
        let worker = self.worker_with_room(arguments).await;
        worker.expect("it makes calls")
    }

    /// The same; `None` where it makes no call, since it has no room for an entry.
    pub(crate) async fn worker_with_room(&self, arguments: &[&str]) -> Option<Running> {
        let seen = self.requests();
        let mut command = Command::new(worker());
        command
            .args(["--ledger", &place(&self.location)])
            .args(["--provider", &self.server.url()])
            .args(["--speed", &SPEED.to_string()])
            .args(arguments)
            .stdout(Stdio::null());
        let mut worker = Running::start(&mut command);
        let started = async {
            while self.requests() == seen && worker.is_running() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let started = tokio::time::timeout(QUIET, started).await.is_ok();
        (started && worker.is_running()).then_some(worker)
    }

    fn requests(&self) -> u64 {
        self.provider.oracle().totals().requests
    }

    /// Waits until for a while none has come.
    pub(crate) async fn until_no_request_comes(&self) {
        let quiet = async {
            loop {
                let seen = self.requests();
                tokio::time::sleep(Duration::from_secs(1)).await;
                if self.requests() == seen {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, quiet)
            .await
            .expect("nothing more is sent");
    }

    /// Waits until another one has come.
    pub(crate) async fn until_a_request_comes(&self) {
        let seen = self.requests();
        let comes = async {
            while self.requests() == seen {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, comes)
            .await
            .expect("calls go on");
    }

    /// Waits until `worker` has done what it had to do.
    pub(crate) async fn until_ended(&self, worker: &mut Running) {
        let ended = async {
            while worker.is_running() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("it comes to its end");
    }

    /// Starts as any process would: closes what the dead left open, and returns it.
    pub(crate) async fn recover(&self) -> Vec<Stored> {
        let ledger = DurableLedger::builder(self.location.clone())
            .open()
            .await
            .expect("nobody else writes");
        let recovered = ledger.recovered().to_vec();
        ledger.close().await.expect("it is written");
        recovered
    }

    /// Every entry of the ledger.
    pub(crate) async fn stored(&self) -> Vec<Stored> {
        let store = longhaul_ledger::Store::open(&self.location)
            .await
            .expect("a ledger");
        store
            .records(&Filter::default())
            .await
            .expect("rows that can be read")
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        let stored = self.stored().await;
        stored.into_iter().map(|stored| stored.record).collect()
    }

    /// In what the ledger differs from the truth, once the provider has come to rest; what agreed before, of
    /// operations that can make no more calls, is not looked at again.
    pub(crate) async fn new_disagreements(&mut self) -> Vec<String> {
        let oracle = self.provider.oracle();
        let settled = tokio::time::timeout(PATIENCE, oracle.settled()).await;
        settled.expect("the provider comes to rest");
        let (records, entries) = (self.records().await, oracle.entries());
        let found = disagreements(
            &records[self.checked.records..],
            &entries[self.checked.entries..],
        );
        self.checked = Checked {
            records: records.len(),
            entries: entries.len(),
        };
        found
    }

    /// The same over everything.
    pub(crate) async fn disagreements(&mut self) -> Vec<String> {
        self.checked = Checked::default();
        self.new_disagreements().await
    }
}

/// As an argument.
fn place(location: &Location) -> String {
    match location {
        Location::Sqlite(path) => path.display().to_string(),
        Location::Postgres(url) => url.clone(),
        other => panic!("{other}"),
    }
}

/// The built program. Cargo builds it with all tests; for these alone it must be built before.
fn worker() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let worker = profile
        .join("examples/ledger_worker")
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        worker.exists(),
        "{} is missing: run `cargo build -p longhaul-workspace --example ledger_worker` first",
        worker.display()
    );
    worker
}
