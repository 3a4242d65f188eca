use tokio::{task::JoinHandle, time::timeout};

use super::*;
use crate::config::{KeyConfig, KeyHash};

fn caller(name: &str, in_flight: usize, queue: usize) -> Caller {
    let mut key = KeyConfig::new(name, KeyHash([7; 32]));
    key.in_flight = in_flight;
    key.queue = queue;
    Caller::for_tests(&key)
}

fn wait_for(turns: &Turns, caller: &Caller, order: &Arc<Mutex<Vec<String>>>) -> JoinHandle<Turn> {
    let (turns, caller, order) = (turns.clone(), caller.clone(), order.clone());
    tokio::spawn(async move {
        let turn = turns.take(&caller).await.unwrap();
        order.lock().unwrap().push(caller.name().to_string());
        turn
    })
}

#[tokio::test(start_paused = true)]
async fn callers_take_turns_however_many_calls_each_has() {
    let turns = Turns::new(1);
    let (many, few) = (caller("many", 9, 9), caller("few", 9, 9));
    let held = turns.take(&many).await.unwrap();
    let order = Arc::default();
    let mut waiting = Vec::new();
    for caller in [&many, &many, &many, &few, &few] {
        let turn = wait_for(&turns, caller, &order);
        waiting.push(tokio::spawn(async move { drop(turn.await) }));
        tokio::task::yield_now().await;
    }
    drop(held);
    for waiting in waiting {
        waiting.await.unwrap();
    }
    let order = order.lock().unwrap().join(" ");
    assert_eq!(order, "many few many few many");
    assert_eq!(turns.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_at_its_limit_holds_up_nobody_else() {
    let turns = Turns::new(3);
    let (narrow, other) = (caller("narrow", 1, 1), caller("other", 9, 9));
    let first = turns.take(&narrow).await.unwrap();
    let order = Arc::default();
    let second = wait_for(&turns, &narrow, &order);
    tokio::task::yield_now().await;
    let refusal = turns.take(&narrow).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refusal.may_send_again());
    let others = turns.take(&other).await.unwrap();
    assert!(!second.is_finished());
    drop(first);
    let second = timeout(Duration::from_secs(1), second)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(turns.counts(), (2, 0));
    drop((second, others));
    assert_eq!(turns.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_left_the_queue_takes_no_place() {
    let turns = Turns::new(1);
    let caller = caller("x", 9, 9);
    let held = turns.take(&caller).await.unwrap();
    let gone = timeout(Duration::from_secs(1), turns.take(&caller)).await;
    assert!(gone.is_err());
    let order = Arc::default();
    let next = wait_for(&turns, &caller, &order);
    tokio::task::yield_now().await;
    drop(held);
    drop(
        timeout(Duration::from_secs(1), next)
            .await
            .unwrap()
            .unwrap(),
    );
    assert_eq!(turns.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn calls_that_left_the_queue_make_room_in_it() {
    let turns = Turns::new(1);
    let caller = caller("x", 9, 1);
    let held = turns.take(&caller).await.unwrap();
    for _ in 0..3 {
        let gone = timeout(Duration::from_secs(1), turns.take(&caller)).await;
        assert!(gone.is_err(), "it waits, and is not refused");
        assert_eq!(turns.counts(), (1, 0));
    }
    drop(held);
    assert_eq!(turns.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_must_not_wait_takes_a_free_place() {
    let turns = Turns::new(2);
    let (narrow, hasty) = (caller("narrow", 1, 1), caller("hasty", 9, 0));
    let held = turns.take(&narrow).await.unwrap();
    let second = wait_for(&turns, &narrow, &Arc::default());
    tokio::task::yield_now().await;
    assert_eq!(turns.counts(), (1, 1));
    let hasty_turn = turns.take(&hasty).await.unwrap();
    let refusal = turns.take(&hasty).await.unwrap_err();
    assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
    drop((held, hasty_turn));
    drop(second.await.unwrap());
    assert_eq!(turns.counts(), (0, 0));
}
