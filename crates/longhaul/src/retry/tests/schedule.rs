//! When the next attempt is made.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_guides_schedule_after_timeouts_is_5_then_10_seconds() {
    let provider = Provider::new([Act::Silence, Act::Silence, OK]);
    let answered = run(exact(), &provider, request()).await;
    assert_eq!(answered.as_ref().unwrap().status(), 200);
    assert_eq!(provider.times(), [0, 605, 1215]);
    assert_eq!(report(&answered).waits(), [5 * SECOND, 10 * SECOND]);
    assert_eq!(report(&answered).duplicates(), 2);
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Success);
}

#[tokio::test(start_paused = true)]
async fn the_guides_wait_after_any_other_network_error_is_5_seconds() {
    let reset = Act::Break(io::ErrorKind::ConnectionReset);
    let provider = Provider::new([reset.clone(), reset, OK]);
    run(exact(), &provider, request()).await.unwrap();
    assert_eq!(provider.times(), [0, 5, 10]);
}

#[tokio::test(start_paused = true)]
async fn the_guides_three_attempts_end_with_the_last_failure() {
    let reset = || Act::Break(io::ErrorKind::ConnectionReset);
    let provider = Provider::new([reset(), reset(), reset()]);
    let answered = run(exact(), &provider, request()).await;
    assert_eq!(provider.times().len(), 3);
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
    let error = answered.unwrap_err();
    assert_eq!(error.attempt().unwrap().number(), 3);
    assert_eq!(error.class(), Class::UnknownOutcome);
}

#[tokio::test(start_paused = true)]
async fn after_an_overload_it_waits_at_least_15_seconds() {
    let provider = Provider::new([OVERLOADED, Act::Answer(503, ""), OK]);
    let answered = run(exact(), &provider, request()).await;
    assert_eq!(provider.times(), [0, 15, 45]);
    assert_eq!(
        classes(&answered),
        [Class::Overloaded, Class::Unavailable, Class::Delivered]
    );
    assert_eq!(
        report(&answered).duplicates(),
        0,
        "refused attempts are free"
    );
}

#[tokio::test(start_paused = true)]
async fn it_never_sends_sooner_than_the_server_asks() {
    for (header, wait) in [
        ("retry-after: 42", 42),
        ("retry-after: 3", 15),
        ("retry-after-ms: 42000", 42),
        ("x-ms-retry-after-ms: 42000", 42),
        ("retry-after: 120", 120),
    ] {
        let provider = Provider::new([Act::AnswerWith(429, header, ""), OK]);
        run(exact(), &provider, request()).await.unwrap();
        assert_eq!(provider.times(), [0, wait], "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_over_the_cap_stops_and_says_when_to_come_back() {
    let provider = Provider::new([Act::AnswerWith(429, "retry-after: 121", "later")]);
    let began = Instant::now();
    let answered = run(exact(), &provider, request()).await;
    let report = report(&answered);
    assert_eq!(report.stopped_by(), StoppedBy::RetryAfterTooLong);
    assert_eq!(report.retry_at(), Some(began + 121 * SECOND));
    assert_eq!(answered.unwrap().into_body(), "later");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_place_costs_no_attempt() {
    let provider = Provider::new([Act::Answer(503, ""), Act::Answer(503, ""), OK]);
    let answered = run_in_line(&provider, request()).await;
    assert_eq!(report(&answered).queue_timeouts(), 3);
    assert_eq!(report(&answered).attempts().len(), 3);
    assert_eq!(provider.times(), [35, 50, 80]);
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    (0_u8..4, 1_u64..100_000).prop_map(|(kind, millis)| {
        let base = Duration::from_millis(millis);
        match kind {
            0 => Backoff::Fixed(base),
            1 => Backoff::Linear(base),
            2 => Backoff::Exponential(base),
            _ => Backoff::FullJitter(base),
        }
    })
}

proptest! {
    #[test]
    fn every_wait_is_what_the_server_asks_at_least_and_allowed(
        backoff in any_backoff(),
        attempt in 1_u32..100,
        told in proptest::option::of(0_u64..200_000),
        class in 0_usize..Class::ALL.len(),
        timed_out: bool,
    ) {
        let schedule = Schedule {
            after_timeout: backoff,
            after_error: backoff,
            ..Schedule::default()
        };
        let told = told.map(Duration::from_millis);
        let end = if timed_out { End::TimedOut } else { End::Failed };
        let wait = schedule.wait(attempt, end, Class::ALL[class], told);
        prop_assert!(wait >= told.unwrap_or_default());
        let most = schedule.cap.mul_f64(1.0 + schedule.jitter);
        prop_assert!(wait <= most.max(told.unwrap_or_default()));
    }
}

#[test]
fn two_operations_do_not_wait_alike() {
    let schedule = Schedule::default();
    let waits: std::collections::HashSet<_> = (0..100)
        .map(|_| schedule.wait(1, End::Failed, Class::NeverSent, None))
        .collect();
    assert!(waits.len() > 90, "jitter below a second is not lost");
    assert!(
        waits
            .iter()
            .all(|wait| (5.0..=6.0).contains(&wait.as_secs_f64()))
    );
}
