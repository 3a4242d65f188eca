//! Answers on the disk and in a store.

use super::{spool::Spool, *};

#[tokio::test(start_paused = true)]
async fn answers_are_for_nobody_else_and_go_when_their_time_is_over() {
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
        bench.finished().await;
    }
    let total: u64 = files()
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(total <= 300_000, "{total}");
    // What was paid for is not paid again because its answer is gone.
    let gone = bench.ask(KEYED).await;
    assert_eq!(
        (gone.status, &*gone.code()),
        (StatusCode::GONE, "answer_gone")
    );
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
    let first = bench.ask(KEYED).await;
    first.picture();
    let of = first.headers["x-longhaul-operation"].to_str().unwrap();
    bench.finished().await;
    // Whoever comes back is told the same in each way, and at once as later.
    let back = bench.ask(KEYED).await;
    assert_eq!(
        (back.status, &*back.code()),
        (StatusCode::GONE, "answer_gone")
    );
    let path = format!("/v1/longhaul/operations/{of}");
    let asked = bench
        .replays
        .collect(&path, &caller("alice"))
        .await
        .unwrap();
    assert_eq!(asked.unwrap_err().code(), "answer_gone");
    assert_eq!(bench.calls(), 1);
    let known = bench.replays.0.operations.get(of.parse().unwrap());
    assert!(known.is_none(), "its picture is in nobody's memory");
}

/// As where the drain ends while the store is slow.
#[tokio::test(start_paused = true)]
async fn an_upload_that_is_stopped_leaves_its_answer_here() {
    let shared = tempfile::tempdir().unwrap();
    let place = shared.path().join("answers");
    let store = AnswerStore::open(&format!("file://{}", place.display())).unwrap();
    std::fs::remove_dir(&place).unwrap();
    std::fs::write(&place, "").unwrap();
    let bench = Bench::with_layer(1.0, "none*9", |_| {}, |layer| layer.with_store(store));
    let first = bench.ask(KEYED).await;
    let picture = first.picture().clone();
    // It waits to try once more.
    bench.replays.stop().await;
    let of = first.headers["x-longhaul-operation"].to_str().unwrap();
    bench.replays.0.operations.forget(of.parse().unwrap());
    let back = bench.ask(KEYED).await;
    assert!(back.replayed() && *back.picture() == picture);
}

#[tokio::test]
async fn a_file_that_no_row_keeps_goes_when_its_time_is_over() {
    let bench = Bench::with("none", |policy| policy.keep = Duration::ZERO);
    let folder = bench.folder.path().join("answers");
    std::fs::create_dir(&folder).unwrap();
    let running = Row::begun(
        PublicId::new().unwrap(),
        caller("alice").scope(),
        "alice".into(),
        None,
        Digest([9; 32]),
        None,
    );
    bench.replays.index().begin(running.clone()).await.unwrap();
    // Another gateway of the fleet has removed its row's answer.
    let left = PublicId::new().unwrap();
    for id in [left, running.id] {
        std::fs::write(bench.replays.file(id), "a picture").unwrap();
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    bench.replays.sweep().await;
    assert!(!bench.replays.file(left).exists());
    assert!(bench.replays.file(running.id).exists());
}

/// As where a process has no more files to open.
#[tokio::test]
async fn an_answer_is_read_without_opening_its_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer");
    let (spool, mut writer) = Spool::begin(path.clone()).await;
    std::fs::remove_file(&path).unwrap();
    let pieces: Vec<_> = (0..3_u8).map(|n| Bytes::from(vec![n; 100_000])).collect();
    let open = async || ResponseBody::of_spool(spool.clone()).await.unwrap();
    let early = open().await.unwrap();
    for piece in &pieces {
        writer.push(piece.clone()).await;
    }
    let late = open().await.unwrap();
    writer.end(Ok(()));
    for reading in [early, late] {
        let read = reading.collect().await.unwrap().to_bytes();
        assert!(read == pieces.concat());
    }
    assert!(spool.is_on_disk());
    assert!(
        open().await.is_none(),
        "it was closed when nobody read it any more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_in_the_store_and_comes_from_there() {
    let shared = tempfile::tempdir().unwrap();
    let place = shared.path().join("answers");
    let url = format!("file://{}", place.display());
    let bench = Bench::with_layer(
        1.0,
        "none*9",
        |policy| policy.quota_bytes = 300_000,
        |layer| layer.with_store(AnswerStore::open(&url).unwrap()),
    );
    let names = |folder: &std::path::Path| {
        let files = std::fs::read_dir(folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect::<Vec<_>>()
    };
    let picture = bench.ask(KEYED).await.picture().clone();
    bench.finished().await;
    let stored = names(&place);
    assert_eq!(stored.len(), 1);
    assert!(names(&bench.folder.path().join("answers")).is_empty());
    let back = bench.ask(KEYED).await;
    assert!(back.replayed() && *back.picture() == picture);
    // The oldest go first, in the store too.
    for key in ["l", "m"] {
        let key = Some(key);
        bench.ask(Asks { key, ..PLAIN }).await.picture();
        bench.finished().await;
    }
    assert!(!names(&place).contains(&stored[0]));
    assert_eq!(bench.ask(KEYED).await.status, StatusCode::GONE);
    assert_eq!(bench.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_its_store_an_answer_stays_where_it_came() {
    let shared = tempfile::tempdir().unwrap();
    let place = shared.path().join("answers");
    let store = AnswerStore::open(&format!("file://{}", place.display())).unwrap();
    std::fs::remove_dir(&place).unwrap();
    // Nothing can be made in a file.
    std::fs::write(&place, "").unwrap();
    let bench = Bench::with_layer(1.0, "none*9", |_| {}, |layer| layer.with_store(store));
    let picture = bench.ask(KEYED).await.picture().clone();
    bench.finished().await;
    let back = bench.ask(KEYED).await;
    assert!(back.replayed() && *back.picture() == picture);
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_store_does_not_give_is_told_by_its_status() {
    for (gone, status, code) in [
        (true, StatusCode::GONE, "answer_gone"),
        (false, StatusCode::SERVICE_UNAVAILABLE, "answer_unavailable"),
    ] {
        let shared = tempfile::tempdir().unwrap();
        let place = shared.path().join("answers");
        let store = AnswerStore::open(&format!("file://{}", place.display())).unwrap();
        let bench = Bench::with_layer(1.0, "none", |_| {}, |layer| layer.with_store(store));
        bench.ask(KEYED).await.picture();
        bench.finished().await;
        std::fs::remove_dir_all(&place).unwrap();
        match gone {
            true => std::fs::create_dir(&place).unwrap(),
            // Nothing can be opened in a file.
            false => std::fs::write(&place, "").unwrap(),
        }
        // At once, where the operation is known here, and later by its row.
        for _ in 0..2 {
            let back = bench.ask(KEYED).await;
            assert_eq!((back.status, &*back.code()), (status, code));
            let known = bench.replays.0.operations.sweep(Duration::ZERO);
            assert_eq!(known, []);
            tokio::time::advance(SECONDS(1)).await;
            bench.replays.0.operations.sweep(Duration::ZERO);
        }
        assert_eq!(bench.calls(), 1);
    }
}
