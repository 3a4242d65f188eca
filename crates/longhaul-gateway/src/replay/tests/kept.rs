//! Answers on the disk.

use super::*;

#[tokio::test(start_paused = true)]
async fn answers_are_readable_by_nobody_else_and_go_when_their_time_is_over() {
    let bench = Bench::with("none*9", |policy| policy.quota_bytes = 300_000);
    bench.ask(KEYED).await.picture();
    let folder = bench.folder.path().join("answers");
    let files = || {
        std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap())
            .collect::<Vec<_>>()
    };
    let kept = files();
    assert_eq!(kept.len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            kept[0].metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
    for key in ["l", "m"] {
        bench
            .ask(Asks {
                key: Some(key),
                ..PLAIN
            })
            .await
            .picture();
        bench.replays.0.tasks.close();
        bench.replays.0.tasks.wait().await;
        bench.replays.0.tasks.reopen();
    }
    let total: u64 = files()
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(total <= 300_000, "{total}");
    // What was paid for is not paid again because its answer is gone.
    let gone = bench.ask(KEYED).await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    assert_eq!(bench.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_nothing_loses_no_answer_of_those_who_wait() {
    let bench = Bench::with("none*2", |policy| {
        // A file stands where the folder should be.
        let file = policy.folder.parent().unwrap().join("file");
        std::fs::write(&file, "").unwrap();
        policy.folder = file;
    });
    bench.ask(KEYED).await.picture();
}
