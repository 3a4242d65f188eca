use super::{script::*, *};
use crate::error::Clock;

fn late() -> RetryPolicy {
    exact()
}

const SUPERSEDED: (End, Class) = (End::Superseded, Class::UnknownOutcome);
const DELIVERED: (End, Class) = (End::Finished, Class::Delivered);

#[tokio::test(start_paused = true)]
async fn a_late_picture_wins_over_a_running_duplicate() {
    // The clock of a 4K picture is 600 s; this one takes 700.
    let script = Script::new(late(), [Say::picture(700), Say::picture(300)]);
    let answered = script.call(request()).await;
    assert_eq!(script.times(), [0, 605]);
    assert_eq!(script.ends(), [DELIVERED, SUPERSEDED]);
    assert_eq!(report(&answered).duplicates(), 1);
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Success);
    let response = answered.unwrap();
    assert_eq!(response.into_body(), PICTURE);
    let seen = script.seen.lock().unwrap();
    assert!(seen[0].2.is_late() && !seen[1].2.is_late());
}

#[tokio::test(start_paused = true)]
async fn a_later_picture_wins_over_a_late_attempt() {
    let script = Script::new(late(), [Say::picture(2_000), Say::picture(100)]);
    let answered = script.call(request()).await;
    assert_eq!(script.ends(), [SUPERSEDED, DELIVERED]);
    assert_eq!(script.elapsed().as_secs(), 705);
    let attempt = answered.unwrap().extensions().get::<Attempt>().cloned();
    assert_eq!(attempt.unwrap().number(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_late_picture_during_the_wait_spares_the_duplicate() {
    let script = Script::new(late(), [Say::picture(602)]);
    let answered = script.call(request()).await;
    assert_eq!(script.ends(), [DELIVERED]);
    let report = report(&answered);
    assert_eq!(report.duplicates(), 0);
    assert!(report.waits().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_late_attempt_without_a_successor_has_until_the_deadline() {
    let mut policy = late();
    policy.paid_attempts = 1;
    let script = Script::new(policy.clone(), [Say::picture(2_200)]);
    let answered = script.call(request()).await;
    assert_eq!(answered.unwrap().status(), 200);

    let script = Script::new(policy, [Say::picture(3_000)]);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
    assert_eq!(script.elapsed().as_secs(), 2_250);
    assert!(matches!(
        *answered.unwrap_err().kind(),
        ErrorKind::Timeout {
            clock: Clock::Operation,
            ..
        }
    ));
    assert_eq!(script.ends(), [(End::TimedOut, Class::UnknownOutcome)]);
}

#[tokio::test(start_paused = true)]
async fn an_ending_while_another_runs_asks_for_no_third() {
    // The late one breaks at 650 s, while the second runs.
    let script = Script::new(late(), [Say::broken(650), Say::picture(200)]);
    let answered = script.call(request()).await;
    assert_eq!(script.times(), [0, 605]);
    assert_eq!(
        classes(&answered),
        [Class::UnknownOutcome, Class::Delivered]
    );

    // The second is refused while the first is late: a third takes its place.
    let says = [Say::picture(1_000), Say::status(5, 503), Say::picture(900)];
    let script = Script::new(late(), says);
    let answered = script.call(request()).await;
    assert_eq!(script.times(), [0, 605, 625]);
    assert_eq!(
        script.ends(),
        [DELIVERED, (End::Finished, Class::Unavailable), SUPERSEDED]
    );
    assert_eq!(report(&answered).duplicates(), 1, "the second was free");
}

#[tokio::test(start_paused = true)]
async fn a_final_ending_of_the_late_one_calls_the_next_off() {
    let script = Script::new(late(), [Say::status(603, 401)]);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Class);
    assert_eq!(answered.unwrap().status(), 401);

    // But what runs is let run: it may be paid already.
    let script = Script::new(late(), [Say::status(650, 401), Say::picture(100)]);
    assert_eq!(script.call(request()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn all_three_may_be_late_and_the_first_to_bring_it_wins() {
    let says = [
        Say::picture(2_100),
        Say::picture(2_200),
        Say::picture(880), // Begun at 600 + 5 + 600 + 10 s.
    ];
    let script = Script::new(late(), says);
    script.call(request()).await.unwrap();
    assert_eq!(script.times(), [0, 605, 1215]);
    assert_eq!(script.ends(), [SUPERSEDED, SUPERSEDED, DELIVERED]);
    assert_eq!(script.elapsed().as_secs(), 2_095);
}

#[tokio::test(start_paused = true)]
async fn when_none_brings_it_the_caller_gets_what_may_have_cost_most() {
    let says = [Say::status(700, 500), Say::status(200, 503), Say::broken(1)];
    let script = Script::new(late(), says);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).attempts().len(), 3);
    assert_eq!(answered.unwrap_err().class(), Class::UnknownOutcome);
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_each_attempt_has_exactly_one_outcome() {
    for cut in (0..2_260).step_by(5) {
        let says = [
            Say::picture(2_150),
            Say(30, 503, "x: y", r#"{"error":{"code":503}}"#),
            Say::picture(4_000),
            Say::picture(4_000),
        ];
        let script = Script::new(late(), says);
        let call = tokio::time::timeout(Duration::from_secs(cut), script.call(request()));
        let cut_short = call.await.is_err();
        let ends = script.ends();
        assert_eq!(ends.len(), script.times().len());
        for (end, class) in ends {
            let expected = match end {
                End::Cancelled => cut_short && class == Class::UnknownOutcome,
                End::Superseded => !cut_short && class == Class::UnknownOutcome,
                End::Finished => matches!(class, Class::Delivered | Class::Unavailable),
                _ => false,
            };
            assert!(expected, "cut at {cut}: {end} {class}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn superseded_before_it_is_sent_it_has_cost_nothing() {
    let script = Script::new(late(), []);
    let slow = service_fn(async |request: Request<_>| {
        let attempt: Attempt = request.extensions().get().cloned().unwrap();
        if attempt.number() > 1 {
            // It waits for its connection.
            return pending().await;
        }
        let body: crate::timeout::RequestBody<Full<Bytes>> = request.into_body();
        body.collect().await.unwrap();
        sleep(Duration::from_secs(610)).await;
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(PICTURE)))
    });
    let client = SizeAwareTimeoutLayer::default().layer(slow);
    let response = script.layer.layer(client).oneshot(request()).await.unwrap();
    let report = response.extensions().get::<RetryReport>().unwrap();
    let second = report.attempts()[1].outcome_now().unwrap();
    assert_eq!(
        (second.end, second.class),
        (End::Superseded, Class::NeverSent)
    );
}

#[tokio::test(start_paused = true)]
async fn a_superseded_attempt_has_its_own_entry_and_may_have_cost() {
    use crate::{Stack, body::ReplayBody, model::PriceRow, policy::Policy, timeout::RequestBody};

    let mut policy = Policy::nano_banana_pro();
    policy.retry = late();
    policy.retry.spending_cap = Some(crate::Money::usd_micros(480_000));
    policy.billing.prices = vec![PriceRow::new("*", "*", crate::Money::usd_micros(240_000))];
    let stack = Stack::new(policy).unwrap();
    let client = service_fn(
        async |request: Request<RequestBody<ReplayBody<Full<Bytes>>>>| {
            request.into_body().collect().await.unwrap();
            sleep(Duration::from_secs(700)).await;
            Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(PICTURE)))
        },
    );
    let response = stack.layer(client).oneshot(request()).await.unwrap();
    response.into_body().collect().await.unwrap();
    let ends: Vec<_> = stack
        .ledger()
        .records()
        .iter()
        .map(|record| {
            let closing = record.closing.as_ref().expect("closed");
            let exposure = closing.outcome.exposure;
            let money = (exposure.certain().unwrap(), exposure.possible().unwrap());
            (closing.outcome.end, money.0.micros, money.1.micros)
        })
        .collect();
    assert_eq!(
        ends,
        [
            (End::Finished, 240_000, 240_000),
            (End::Superseded, 0, 240_000)
        ]
    );
    let money = stack
        .spending()
        .unwrap()
        .balance(crate::model::Currency::USD);
    assert_eq!((money.spent, money.doubtful), (240_000, 240_000));
}
