//! The database goes away in the middle, and comes back.

use std::time::Duration;

use longhaul_testing::{Hanging, Postgres};

use crate::scene::Scene;

const LEASE: Duration = Duration::from_secs(2);

/// As the worker is told of it.
fn lease() -> String {
    LEASE.as_millis().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_nothing_is_sent_or_lost() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database().parse().expect("a URL");
    let mut scene = Scene::new(location, 4).await;
    let mut worker = scene.worker(&["--lease", &lease()]).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        postgres.stop();
        // What was durable may still leave; then nothing more.
        scene.until_no_request_comes().await;
        postgres.start_again();
        scene.until_a_request_comes().await;
    }
    assert!(worker.is_running());
    worker.kill();
    tokio::time::sleep(LEASE).await;
    scene.recover().await;
    assert_eq!(scene.disagreements().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_hangs_nothing_is_sent_or_lost() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let hanging = Hanging::before(postgres.port());
    let [server, before_it] = [postgres.port(), hanging.port()].map(|port| format!(":{port}/"));
    let url = postgres.database().replace(&server, &before_it);
    let mut scene = Scene::new(url.parse().expect("a URL"), 6).await;
    // Its lease may run out meanwhile: only it looks for the dead, and it is not among them.
    let mut worker = scene.worker(&["--lease", &lease()]).await;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        hanging.hang();
        scene.until_no_request_comes().await;
        hanging.go_on();
        scene.until_a_request_comes().await;
    }
    assert!(worker.is_running());
    hanging.hang();
    // It dies while nothing of it is answered; what the server still has of it may be written later.
    scene.until_no_request_comes().await;
    worker.kill();
    hanging.go_on();
    // Nobody gave its lease back.
    tokio::time::sleep(LEASE + Duration::from_secs(1)).await;
    scene.recover().await;
    assert_eq!(scene.disagreements().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_spending_goes_on_the_entries_are_written_afterwards() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let location = postgres.database().parse().expect("a URL");
    let mut scene = Scene::new(location, 5).await;
    let mut worker = scene.worker(&["--spend", "--calls", "400"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    postgres.stop();
    scene.until_a_request_comes().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(worker.is_running(), "it has calls left to make");
    postgres.start_again();
    scene.until_ended(&mut worker).await;
    assert_eq!(scene.disagreements().await, [""; 0]);
    assert!(scene.records().await.iter().all(|record| !record.is_open()));
}
