//! Dropped at any poll, every attempt has its one outcome.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::advance;

use super::script::*;
use crate::{
    Stack,
    model::{Class, End},
};

/// Polls the operation `polls` times, a second apart, then drops it; whether it ended before.
async fn drop_after(polls: usize, stack: &Stack, script: &Script) -> bool {
    let mut call = pin!(send(stack, script, request()));
    for _ in 0..polls {
        let mut cx = Context::from_waker(Waker::noop());
        if let Poll::Ready(answered) = call.as_mut().poll(&mut cx) {
            answered.unwrap();
            return true;
        }
        advance(Duration::from_secs(1)).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn at_every_poll_each_attempt_has_one_outcome() {
    let delivered = r#"{"data":[{"b64_json":"aW1n"}]}"#;
    for polls in 0..64 {
        let stack = self::stack(policy([seedream()]));
        let script = Script::new([Act::Slowly(2, 503, ""), Act::Slowly(2, 200, delivered)]);
        let ended = drop_after(polls, &stack, &script).await;
        let records = stack.ledger().records();
        assert!(records.len() >= script.seen().len());
        let ends: Vec<_> = records
            .iter()
            .map(|record| record.closing.as_ref().expect("it is closed").outcome)
            .collect();
        for (record, end) in script.seen().iter().zip(&ends) {
            assert_eq!(record.attempt.outcome_now(), Some(*end));
        }
        if ended {
            assert_eq!(ends.len(), 2);
            assert_eq!(ends[1].class, Class::Delivered);
            return;
        }
        if let Some(last) = ends.last().filter(|end| end.class != Class::Unavailable) {
            assert_eq!(last.end, End::Cancelled, "after {polls} polls");
        }
    }
    panic!("it never ended");
}
