//! More calls at once than there are places.

use std::time::Duration;

use longhaul::{Class, policy::Policy, retry::RetryReport};
use longhaul_sim::{Action, Dialect, Fault, Script};
use longhaul_testing::harness::Harness;
use tokio::time::Instant;

use crate::calls::{picture, send};

const CALLS: usize = 50;
const PLACES: usize = 10;
const TAKES: Duration = Duration::from_secs(120);

#[tokio::test(start_paused = true)]
async fn fifty_calls_end_well_in_order_and_none_times_out_falsely() {
    let script = Script::always(Action::new(Fault::None).taking(TAKES));
    let harness = Harness::in_process(Policy::nano_banana_pro(), script);
    let began = Instant::now();
    let client = harness.client();
    let calls: Vec<_> = (0..CALLS)
        .map(|number| {
            let mut request = picture(Dialect::OpenAi);
            let key = number.to_string().parse().unwrap();
            request.headers_mut().insert("idempotency-key", key);
            let client = client.clone();
            tokio::spawn(async move {
                let answer = send(client, request).await.unwrap();
                (began.elapsed(), answer)
            })
        })
        .collect();

    for (number, call) in calls.into_iter().enumerate() {
        let (elapsed, answer) = call.await.unwrap();
        let round = number / PLACES;
        assert_eq!(elapsed.as_secs(), TAKES.as_secs() * (round as u64 + 1));

        let report = answer.extensions().get::<RetryReport>().unwrap();
        let [attempt] = report.attempts() else {
            panic!("{report:?}")
        };
        // The wait is reported, and is no part of the attempt.
        let outcome = attempt.outcome_now().unwrap();
        assert_eq!(outcome.class, Class::Delivered);
        assert_eq!(outcome.duration.as_secs(), TAKES.as_secs());
        let waited = TAKES.as_secs() as u32 * round as u32;
        let expiries = waited / 10;
        assert!(
            (expiries.saturating_sub(1)..=expiries).contains(&report.queue_timeouts()),
            "call {number} waited {waited} s in {} pieces",
            report.queue_timeouts()
        );
    }
    let arrived: Vec<_> = harness
        .provider
        .oracle()
        .entries()
        .into_iter()
        .map(|entry| entry.key.unwrap().parse::<usize>().unwrap())
        .collect();
    assert_eq!(arrived, (0..CALLS).collect::<Vec<_>>());
    assert_eq!(harness.stack.ledger().records().len(), CALLS);
    harness.assert_agreement().await;
}

/// A retry's wait holds no place: the others go on meanwhile.
#[tokio::test(start_paused = true)]
async fn a_call_that_waits_to_be_sent_again_holds_up_nobody() {
    let mut policy = Policy::nano_banana_pro();
    policy.in_flight.max_per_host = 1;
    let harness = Harness::in_process(
        policy,
        "overloaded, none+takes@10, none+takes@20".parse().unwrap(),
    );
    let began = Instant::now();
    let timed = |call: usize| {
        let request = picture(Dialect::OpenAi);
        let client = harness.client();
        async move {
            let answer = send(client, request).await.unwrap();
            let report = answer.extensions().get::<RetryReport>().unwrap();
            (call, report.attempts().len(), began.elapsed().as_secs())
        }
    };
    let (first, second) = tokio::join!(timed(1), timed(2));
    // The second call's picture is made while the first waits 15 s.
    assert_eq!((first, second), ((1, 2, 15 + 20), (2, 1, 10)));
    harness.assert_agreement().await;
}
