//! What is sent again, under which key, and what is not.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_sending_again_does_not_help_is_sent_once() {
    for (status, body) in [
        (400, ""),
        (401, ""),
        (403, ""),
        (404, ""),
        (422, ""),
        (307, ""),
        (501, ""),
        (429, r#"{"error":{"code":"insufficient_quota"}}"#),
    ] {
        let provider = Provider::new([Act::AnswerWith(
            status,
            "content-type: application/json",
            body,
        )]);
        let answered = run(exact(), &provider, request()).await;
        assert_eq!(answered.as_ref().unwrap().status(), status);
        assert_eq!(
            report(&answered).stopped_by(),
            StoppedBy::Class,
            "{status} {body}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn all_attempts_carry_one_key_and_the_same_body() {
    let provider = Provider::new([OVERLOADED, Act::Silence, OK]);
    run(exact(), &provider, request()).await.unwrap();
    let seen = provider.seen.lock().unwrap();
    assert!(seen[0].key.is_some());
    assert!(seen.iter().all(|other| other.key == seen[0].key));
    let numbers: Vec<_> = seen.iter().map(|seen| seen.attempt).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(seen.iter().all(|seen| seen.body == "prompt"));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_callers_is_kept() {
    let provider = Provider::new([OVERLOADED, OK]);
    let mut request = request();
    request
        .headers_mut()
        .insert("idempotency-key", "mine".parse().unwrap());
    run(exact(), &provider, request).await.unwrap();
    for seen in &*provider.seen.lock().unwrap() {
        assert_eq!(seen.key.as_deref(), Some("mine"));
    }
}

#[tokio::test(start_paused = true)]
async fn never_paying_twice_stops_where_an_attempt_may_be_charged() {
    let mut policy = exact();
    policy.paid_attempts = 1;
    // What was refused is still sent again.
    let provider = Provider::new([OVERLOADED, OVERLOADED, OK]);
    run(policy.clone(), &provider, request()).await.unwrap();

    let provider = Provider::new([Act::Silence]);
    let answered = run(policy, &provider, request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
    assert!(answered.unwrap_err().is_timeout());
}

#[test]
fn the_money_for_duplicates_bounds_them() {
    let mut policy = exact();
    policy.max_duplicate_cost = Some(Money::usd_micros(300_000));
    let mut situation = Situation::new(End::Failed, Class::UnknownOutcome);
    let stops = |situation: &Situation| {
        policy.decision(situation) == RetryDecision::Stop(StoppedBy::Duplicates)
    };
    assert!(stops(&situation), "an unknown price is not zero");
    situation.price = Some(Money::usd_micros(240_000));
    assert!(!stops(&situation));
    situation.duplicates = 1;
    assert!(stops(&situation), "two of them would cost 0.48");
}

/// A body that can be sent only once.
struct Once;

impl Replay for Once {
    fn try_clone(&self) -> Option<Self> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_says_that_a_body_could_not_be_sent_again() {
    let service = service_fn(async |_: Request<Once>| {
        Ok::<_, BoxError>(
            Response::builder()
                .status(503)
                .body(Full::<Bytes>::from(""))
                .unwrap(),
        )
    });
    let client = ClassifyingRetryLayer::default().layer(service);
    let response = client.oneshot(Request::new(Once)).await.unwrap();
    let report = response.extensions().get::<RetryReport>().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Body);
}
