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
        bench.finished().await;
        let known = index.get(row.id).await.unwrap().unwrap();
        assert_eq!(known.state, State::Unknown);
    }
}

/// In each index that there is.
async fn in_each(check: impl AsyncFn(Replays)) {
    let folder = tempfile::tempdir().unwrap();
    let policy = || {
        let mut policy = ReplayPolicy::new(folder.path().join("answers"));
        policy.keep = Duration::ZERO;
        policy.sdk_retries_within = Duration::ZERO;
        policy
    };
    let file = folder.path().join("gateway.db").display().to_string();
    let postgres = longhaul_testing::Postgres::start();
    let places = std::iter::once(file).chain(postgres.iter().map(|postgres| postgres.database()));
    let memory = MemoryIndex::new().unwrap();
    check(IdempotentReplayLayer::new(policy(), memory).replays()).await;
    for place in places {
        let index = SqlIndex::open(&place).await.unwrap();
        check(IdempotentReplayLayer::new(policy(), index).replays()).await;
    }
}

/// An operation of Alice's that began when it is called, at 0.24 USD.
fn begun(key: Option<u8>) -> Row {
    Row::begun(
        PublicId::new().unwrap(),
        caller("alice").scope(),
        "alice".into(),
        key.map(|key| Digest([key; 32])),
        Digest([9; 32]),
        Some(longhaul::Money::usd_micros(240_000)),
    )
}

#[tokio::test]
async fn rows_that_nobody_can_ask_for_go_and_their_money_stays() {
    in_each(async |replays| {
        let index = replays.index();
        let ended = async |key, state| {
            let row = begun(key);
            index.begin(row.clone()).await.unwrap();
            let mut end = row.ended_as(state);
            (end.certain, end.ended) = (240_000, Some(row.began - 1));
            index.end(end.clone()).await.unwrap();
            end
        };
        let running = begun(None);
        index.begin(running.clone()).await.unwrap();
        let with_key = ended(Some(1), State::Unknown).await;
        let kept = ended(Some(2), State::Kept).await;
        let mut gone = vec![
            ended(None, State::Kept).await,
            ended(None, State::Free).await,
        ];
        for _ in 0..100 {
            gone.push(ended(None, State::Unknown).await);
        }
        let released = ended(Some(3), State::Unknown).await;
        index.release_key(released.id).await.unwrap();
        gone.push(released);
        let usd = longhaul::Currency::USD;
        let spent = index.spent("alice", usd, None).await.unwrap();
        assert_eq!(spent, (105 * 240_000, 106 * 240_000));

        replays.sweep().await;
        for row in &gone {
            assert_eq!(index.get(row.id).await.unwrap(), None, "{row:?}");
        }
        // What runs is somebody's, and a key begins nothing for as long as there is an index.
        assert!(index.get(running.id).await.unwrap().is_some());
        for row in [with_key, kept] {
            let known = index
                .begin(Row {
                    id: PublicId::new().unwrap(),
                    ..row.clone()
                })
                .await;
            let known = known.unwrap().expect("its key is known");
            assert_eq!((known.id, known.state), (row.id, State::Unknown));
        }
        // What was removed counts against every cap, as before.
        let today = crate::money::begin(crate::config::Per::Day);
        for since in [None, today] {
            assert_eq!(index.spent("alice", usd, since).await.unwrap(), spent);
        }
        let later = Some(crate::wall_clock::now() + SECONDS(2 * 86_400));
        assert_eq!(index.spent("alice", usd, later).await.unwrap(), (0, 0));
        assert_eq!(index.spent("bob", usd, None).await.unwrap(), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn what_ended_before_it_was_written_down_never_begins() {
    in_each(async |replays| {
        let index = replays.index();
        // Its caller left while the database was writing.
        let row = begun(Some(1));
        index.end(row.ended_as(State::Free)).await.unwrap();
        let _ = index.begin(row.clone()).await;
        let known = index.get(row.id).await.unwrap();
        assert!(known.is_none_or(|known| known.state == State::Free));
        let next = begun(Some(1));
        let known = index.begin(next).await.unwrap();
        assert!(known.is_none_or(|known| known.state == State::Free));
    })
    .await;
}

#[tokio::test]
async fn a_retry_is_not_kept_from_its_picture_by_a_free_failure() {
    in_each(async |replays| {
        let index = replays.index();
        let (picture, mut refused) = (begun(None), begun(None));
        refused.began += 5;
        for (row, state) in [(&picture, State::Kept), (&refused, State::Free)] {
            index.begin(row.clone()).await.unwrap();
            index.end(row.ended_as(state)).await.unwrap();
        }
        let since = std::time::SystemTime::UNIX_EPOCH;
        let found = index.by_request(picture.scope, picture.request, since);
        assert_eq!(found.await.unwrap().map(|row| row.id), Some(picture.id));
    })
    .await;
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

/// A caller leaves while the database writes its beginning, which is committed after its end has come.
#[tokio::test]
async fn what_has_ended_is_not_begun_by_a_write_that_comes_late() {
    let Some(postgres) = longhaul_testing::Postgres::start() else {
        return;
    };
    let place = postgres.database();
    let index = SqlIndex::open(&place).await.unwrap();
    let (other, late) = (begun(None), begun(None));
    index.begin(other.clone()).await.unwrap();
    let pool = sqlx::AnyPool::connect(&place).await.unwrap();
    let mut beginning = pool.begin().await.unwrap();
    let written = sqlx::query(
        "INSERT INTO longhaul_operations (id, scope, caller, request_digest, state, began, length, certain, owner) \
         SELECT $1, scope, caller, request_digest, state, began, length, certain, owner \
         FROM longhaul_operations WHERE id = $2",
    );
    let written = written.bind(late.id.digits()).bind(other.id.digits());
    written.execute(&mut *beginning).await.unwrap();
    let commits = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        beginning.commit().await.unwrap();
    };
    let (ended, ()) = tokio::join!(index.end(late.ended_as(State::Free)), commits);
    ended.unwrap();
    let known = index.get(late.id).await.unwrap().unwrap();
    assert_eq!(known.state, State::Free);
}

#[tokio::test]
async fn processes_that_are_gone_leave_no_rows_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.db").display().to_string();
    let postgres = longhaul_testing::Postgres::start();
    let places = postgres.iter().map(|postgres| postgres.database());
    for place in places.chain([file]) {
        for _ in 0..3 {
            let index = SqlIndex::open(&place).await.unwrap();
            index.with_lease(Duration::ZERO).renew().await.unwrap();
        }
        let url = match place.contains("://") {
            true => place,
            false => format!("sqlite://{place}"),
        };
        let pool = sqlx::AnyPool::connect(&url).await.unwrap();
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM longhaul_replicas");
        assert_eq!(count.fetch_one(&pool).await.unwrap(), 1);
    }
}
