//! A process is killed while it makes calls, again and again.

use std::time::Duration;

use longhaul::{Class, End, Phase};
use longhaul_ledger::{Location, Stored};
use longhaul_testing::Postgres;

use crate::scene::Scene;

/// Of several writers nobody knows who is dead before its lease has run out; of a file there is but one.
const LEASE: Duration = Duration::from_secs(1);

/// What the dead left open is closed as lost, may have been charged, and claims no phase.
fn assert_lost(recovered: &[Stored]) {
    for stored in recovered {
        let closing = stored.record.closing.as_ref().expect("recovered is closed");
        let outcome = closing.outcome;
        assert_eq!(
            (outcome.end, outcome.class, outcome.phase),
            (End::Lost, Class::UnknownOutcome, Phase::Unknown)
        );
        assert_eq!(
            outcome.exposure.probability,
            Class::UnknownOutcome.charge_probability()
        );
    }
}

/// Kills a worker at `kills` random moments. After each start the ledger and the provider agree.
async fn killed(mut scene: Scene, kills: usize, seed: u64) {
    let millis = LEASE.as_millis().to_string();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut lost = 0;
    for kill in 1..=kills {
        let mut worker = scene.worker(&["--lease", &millis]).await;
        tokio::time::sleep(Duration::from_micros(random.u64(..250_000))).await;
        assert!(
            worker.is_running(),
            "it was to be killed, and had ended by itself"
        );
        worker.kill();

        if let Location::Postgres(_) = scene.location {
            tokio::time::sleep(LEASE).await;
        }
        let recovered = scene.recover().await;
        assert_lost(&recovered);
        lost += recovered.len();
        let wrong = scene.new_disagreements().await;
        assert!(
            wrong.is_empty(),
            "after kill {kill}, seed {seed}: {wrong:#?}"
        );
        assert!(scene.records().await.iter().all(|record| !record.is_open()));
    }
    assert_eq!(scene.disagreements().await, [""; 0], "all together");
    let attempts = scene.records().await.len();
    println!("{kills} kills, {attempts} attempts, {lost} of them lost and found");
    // Eight calls are in flight at nearly every kill: the test would be worth nothing if none were.
    assert!(lost > kills, "{lost} of {attempts} lost in {kills} kills");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_a_hundred_times_a_file_has_each_attempt_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Sqlite(folder.path().join("ledger.db"));
    killed(Scene::new(location, 1).await, 100, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_a_database_has_each_attempt_once() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database().parse().expect("a URL");
    killed(Scene::new(location, 2).await, 12, 2).await;
}
