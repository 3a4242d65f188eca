//! Which requests are one operation.

use tokio::time::sleep;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_same_key_attaches_while_it_runs_and_is_replayed_later() {
    let bench = Bench::new("none*9");
    let (first, second) = tokio::join!(bench.ask(KEYED), async {
        sleep(SECONDS(20)).await;
        bench.ask(KEYED).await
    });
    let third = bench.ask(KEYED).await;
    assert_eq!(first.picture(), second.picture());
    assert_eq!(first.picture(), third.picture());
    assert!(!first.replayed() && second.replayed() && third.replayed());
    assert_eq!(
        first.headers["x-longhaul-operation"],
        third.headers["x-longhaul-operation"]
    );
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_belongs_to_one_caller_and_one_request() {
    let bench = Bench::new("none*9");
    bench.ask(KEYED).await.picture();
    let dog = Asks {
        prompt: "a dog",
        ..KEYED
    };
    let other = bench.ask(dog).await;
    assert_eq!(
        (other.status, &*other.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "key_reuse")
    );
    let bob = Asks {
        caller: "bob",
        ..dog
    };
    let answer = bench.ask(bob).await;
    answer.picture();
    assert!(!answer.replayed());
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_a_key_who_left_finds_its_picture() {
    let bench = Bench::new("cut@60, none");
    bench.leave(KEYED, SECONDS(30)).await;
    let answer = bench.ask(KEYED).await;
    answer.picture();
    assert!(answer.replayed());
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_sdks_retry_attaches_to_what_lost_its_caller() {
    let bench = Bench::new("none*9");
    bench.leave(PLAIN, SECONDS(30)).await;
    let answer = bench.ask(Asks { retry: 1, ..PLAIN }).await;
    answer.picture();
    assert!(answer.replayed());
    assert_eq!(bench.calls(), 1);
}

#[tokio::test]
async fn long_after_the_end_an_sdks_retry_is_a_request_like_any_other() {
    let bench = Bench::at_speed(10_000.0, "none*9", |policy| {
        policy.sdk_retries_within = Duration::from_millis(5);
    });
    bench.ask(PLAIN).await.picture();
    sleep(Duration::from_millis(50)).await;
    assert!(!bench.ask(Asks { retry: 1, ..PLAIN }).await.replayed());
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn two_retries_of_two_equal_requests_get_two_pictures() {
    let bench = Bench::new("none*9");
    tokio::join!(
        bench.leave(PLAIN, SECONDS(30)),
        bench.leave(PLAIN, SECONDS(30))
    );
    let retry = Asks { retry: 1, ..PLAIN };
    let (one, two) = tokio::join!(bench.ask(retry), bench.ask(retry));
    one.picture();
    two.picture();
    assert_ne!(
        one.headers["x-longhaul-operation"],
        two.headers["x-longhaul-operation"]
    );
    assert_eq!(bench.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn equal_first_requests_are_two_pictures_unless_asked_otherwise() {
    let bench = Bench::new("none*9");
    tokio::join!(bench.ask(PLAIN), bench.ask(PLAIN));
    assert_eq!(bench.calls(), 2);
    let bench = Bench::with("none*9", |policy| policy.coalesce = true);
    let (one, two) = tokio::join!(bench.ask(PLAIN), bench.ask(PLAIN));
    assert_eq!(one.picture(), two.picture());
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_ended_free_of_charge_may_be_asked_again() {
    for again in [KEYED, Asks { retry: 1, ..PLAIN }] {
        let bench = Bench::new("bad-request, none");
        let first = bench.ask(Asks { retry: 0, ..again }).await;
        assert_eq!(first.status, StatusCode::BAD_REQUEST);
        bench.ask(again).await.picture();
        assert_eq!(bench.calls(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_be_charged_is_sent_again_only_if_asked_to() {
    let bench = Bench::new("cut@60*3, none");
    let first = bench.ask(KEYED).await;
    assert_eq!(first.status, StatusCode::BAD_GATEWAY);
    let second = bench.ask(KEYED).await;
    assert_eq!(second.status, StatusCode::BAD_GATEWAY);
    assert!(second.replayed());
    assert_eq!(bench.calls(), 3);
    let headers = &[("x-longhaul-send-again", "true")];
    bench.ask(Asks { headers, ..KEYED }).await.picture();
    assert_eq!(bench.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_is_begun_for_a_caller_who_left() {
    let bench = Bench::new("overloaded*9");
    bench.leave(PLAIN, SECONDS(5)).await;
    bench.replays.idle().await;
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_in_the_middle_is_written_down() {
    let bench = Bench::new("none*9");
    let asking = async {
        let answer = bench.ask(KEYED).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert_eq!(answer.code(), "outcome_unknown");
    };
    let stopping = async {
        tokio::time::sleep(SECONDS(20)).await;
        bench.replays.stop().await;
    };
    tokio::join!(asking, stopping);
    assert_eq!(bench.replays.running(), 0);
    // It may have been charged, and is not sent again.
    let back = bench.ask(KEYED).await;
    assert_eq!(back.code(), "outcome_unknown");
    assert_eq!(bench.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_before_it_costs_is_told_as_free() {
    let bench = Bench::new("overloaded*99");
    let asking = async {
        let answer = bench.ask(KEYED).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.code(), "ended_free");
    };
    let stopping = async {
        tokio::time::sleep(SECONDS(5)).await;
        bench.replays.stop().await;
    };
    tokio::join!(asking, stopping);
}

#[tokio::test(start_paused = true)]
async fn an_empty_key_is_refused_and_names_no_operation() {
    let bench = Bench::new("none*9");
    for key in ["", "  "] {
        let key = Some(key);
        let answer = bench.ask(Asks { key, ..PLAIN }).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.code(), "idempotency_key");
    }
    assert_eq!(bench.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_an_operation_whose_task_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let policy = ReplayPolicy::new(folder.path().join("answers"));
    let layer = IdempotentReplayLayer::new(policy, MemoryIndex::new().unwrap());
    let broken = tower::service_fn(|_: Request<Full<Bytes>>| async {
        let bug = Err::<http::Response<Full<Bytes>>, _>("a bug".into());
        bug.map_err(|error: longhaul::BoxError| panic!("{error}"))
            .map_err(|error: longhaul::BoxError| error)
    });
    let service = layer.layer(broken);
    let replays = layer.replays();
    for _ in 0..2 {
        let asked = service.clone().oneshot(KEYED.request());
        let answer = timeout(SECONDS(60), asked).await.expect("nobody waits");
        assert_eq!(answer.unwrap().status(), StatusCode::CONFLICT);
        replays.idle().await;
        replays.0.tasks.reopen();
        // As a later process, or another one, finds it.
        replays.0.operations.sweep(Duration::ZERO);
        tokio::time::advance(SECONDS(1)).await;
        replays.0.operations.sweep(Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_another_gateway_waits_for_the_database() {
    let bench = Bench::new("none");
    let index = Interrupted::default();
    let policy = ReplayPolicy::new(bench.folder.path().join("answers"));
    let replays = IdempotentReplayLayer::new(policy, index.clone()).replays();
    let row = Row::begun(
        PublicId::new().unwrap(),
        caller("alice").scope(),
        "alice".into(),
        None,
        Digest([9; 32]),
        None,
    );
    index.begin(row.clone()).await.unwrap();
    let ended = tokio::spawn({
        let (replays, row) = (replays.clone(), row.clone());
        async move { replays.ended(row).await }
    });
    index.interrupt(true);
    sleep(SECONDS(30)).await;
    index.interrupt(false);
    index.end(row.ended_as(State::Kept)).await.unwrap();
    let ended = ended
        .await
        .unwrap()
        .map_err(|refusal| refusal.code().to_owned());
    assert_eq!(ended.map(|row| row.state), Ok(State::Kept));
}
