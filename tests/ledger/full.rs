//! The disk is full.

use std::time::Duration;

use longhaul::End;

use crate::scene::Scene;

/// A few dozen attempts fit.
const PAGES: &str = "40";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_sent_without_an_entry() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = longhaul_ledger::Location::Sqlite(folder.path().join("ledger.db"));
    let mut scene = Scene::new(location, 3).await;
    let mut before = 0;
    for round in 0..5 {
        let worker = scene.worker_with_room(&["--max-pages", PAGES]).await;
        let Some(mut worker) = worker else {
            assert!(before > 0, "not even the first had room");
            break;
        };
        scene.until_no_request_comes().await;
        assert!(worker.is_running(), "it goes on, and waits for room");
        worker.kill();

        scene.recover().await;
        let wrong = scene.new_disagreements().await;
        assert!(wrong.is_empty(), "round {round}: {wrong:#?}");
        before = scene.records().await.len();
    }
    // With room again it goes on as if nothing had been.
    let mut worker = scene.worker(&[]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    worker.kill();
    scene.recover().await;
    assert_eq!(scene.disagreements().await, [""; 0]);
    let records = scene.records().await;
    assert!(
        records.len() > before,
        "{before} before, {} after",
        records.len()
    );
    let lost = |record: &&longhaul::billing::Record| {
        record.closing.as_ref().expect("closed").outcome.end == End::Lost
    };
    let lost = records.iter().filter(lost).count();
    println!("{} attempts, {lost} of them lost and found", records.len());
}
