//! Several processes on one database.

use std::time::Duration;

use longhaul::End;
use longhaul_testing::Postgres;

use crate::scene::Scene;

/// Long enough for a living process on a busy machine.
const LEASE: &str = "3000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_only_the_dead_ones_entries_are_lost() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database().parse().expect("a URL");
    let mut scene = Scene::new(location, 6).await;
    // The first request is its own: it makes calls when it is killed.
    let mut dying = scene.worker(&["--lease", LEASE]).await;
    let mut living = scene.worker(&["--lease", LEASE]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    dying.kill();

    // Either the living one takes them, or whoever starts next.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut lost = scene.recover().await;
    let taken = |stored: &longhaul_ledger::Stored| {
        let closing = stored.record.closing.as_ref();
        closing.is_some_and(|closing| closing.outcome.end == End::Lost)
    };
    lost.extend(scene.stored().await.into_iter().filter(taken));
    assert!(!lost.is_empty(), "eight calls were in flight");
    assert!(living.is_running());

    // Had one been the living one's, it would have written its true end by now.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stored = scene.stored().await;
    for was_lost in &lost {
        let now = stored.iter().find(|stored| stored.id == was_lost.id);
        assert!(taken(now.expect("no entry goes away")), "{was_lost:?}");
    }
    living.kill();
    tokio::time::sleep(Duration::from_secs(3)).await;
    scene.recover().await;
    assert_eq!(scene.disagreements().await, [""; 0]);
}
