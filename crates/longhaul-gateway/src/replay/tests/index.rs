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

#[tokio::test(start_paused = true)]
async fn what_was_taken_up_and_dropped_can_be_taken_up_again() {
    let bench = Bench::new("none");
    let index = &bench.replays.0.index;
    let mut row = Row::begun(
        PublicId::new().unwrap(),
        caller("alice").scope(),
        "alice".into(),
        None,
        Digest([9; 32]),
        None,
    );
    assert_eq!(index.begin(row.clone()).await.unwrap(), None);
    row.state = State::Unknown;
    index.end(row.clone()).await.unwrap();
    for _ in 0..2 {
        let resumed = bench.replays.resume(row.id).await.unwrap();
        drop(resumed.expect("nobody has it"));
        bench.replays.idle().await;
        bench.replays.0.tasks.reopen();
        let known = index.get(row.id).await.unwrap().unwrap();
        assert_eq!(known.state, State::Unknown);
    }
}

#[test]
fn a_rows_costs_are_of_one_currency() {
    let of = |text: &str| text.parse::<longhaul::Money>().unwrap();
    let sum = |attempts: &[(&str, &str)]| {
        let mut costs = super::super::run::Costs::default();
        for (certain, possible) in attempts {
            costs.add(of(certain), of(possible));
        }
        (costs.certain, costs.possible.unwrap())
    };
    // A refusal elsewhere, which is free, does not hide what was charged.
    let charged = ("0.24 USD", "0.24 USD");
    assert_eq!(
        sum(&[("0 EUR", "0 EUR"), charged]),
        (240_000, of("0.24 USD"))
    );
    assert_eq!(
        sum(&[charged, ("0.20 EUR", "0.20 EUR")]),
        (240_000, of("0.24 USD"))
    );
    assert_eq!(
        sum(&[charged, ("0 USD", "0.24 USD")]),
        (240_000, of("0.48 USD"))
    );
}
