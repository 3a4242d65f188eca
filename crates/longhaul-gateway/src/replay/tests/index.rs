//! The index in a database.

use std::sync::Arc;

use super::*;

#[tokio::test]
async fn what_a_dead_process_left_running_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("gateway.db").display().to_string();
    let row = |key: u8| {
        let id = PublicId::new().unwrap();
        let scope = caller("alice").scope();
        let price = Some(longhaul::Money::usd_micros(240_000));
        Row::begun(
            id,
            scope,
            "alice".into(),
            Some(Digest([key; 32])),
            Digest([9; 32]),
            price,
        )
    };
    let (running, ended) = (row(1), row(2));
    let first = SqlIndex::open(&place).await.unwrap();
    let secret = first.secret();
    assert_eq!(first.begin(running.clone()).await.unwrap(), None);
    assert_eq!(first.begin(row(1)).await.unwrap().unwrap().id, running.id);
    assert_eq!(first.begin(ended.clone()).await.unwrap(), None);
    let mut end = ended.clone();
    end.state = State::Kept;
    end.ended = Some(ended.began + 5);
    end.status = Some(StatusCode::OK);
    end.headers.insert("x-a", "b".parse().unwrap());
    end.length = 7;
    end.certain = 240_000;
    first.end(end.clone()).await.unwrap();
    drop(first);

    let second = SqlIndex::open(&place).await.unwrap();
    assert_eq!(second.secret(), secret);
    let found = second.get(running.id).await.unwrap().unwrap();
    assert_eq!(found.state, State::Unknown);
    assert_eq!(
        second.by_key(end.scope, Digest([2; 32])).await.unwrap(),
        Some(end.clone())
    );
    let since = std::time::SystemTime::UNIX_EPOCH;
    let newest = second
        .by_request(end.scope, Digest([9; 32]), since)
        .await
        .unwrap();
    assert!(newest.is_some());
    let usd = longhaul::Currency::USD;
    assert_eq!(
        second.spent("alice", usd, None).await.unwrap(),
        (240_000, 480_000)
    );
    assert_eq!(second.spent("bob", usd, None).await.unwrap(), (0, 0));
    second.release_key(running.id).await.unwrap();
    assert_eq!(
        second.by_key(end.scope, Digest([1; 32])).await.unwrap(),
        None
    );
    let kept = second
        .oldest_kept(crate::wall_clock::now() + SECONDS(60), 9)
        .await
        .unwrap();
    assert_eq!(kept.len(), 1);
    // The whole is behind a trait object, as layers hold it.
    let _: Arc<dyn Index> = Arc::new(second);
}
