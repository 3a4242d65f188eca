//! The document's policy, from the call to the claims.

use std::time::Duration;

use longhaul::{
    Class, Currency, End, Money,
    billing::{ClaimConfidence, ClaimRule},
    policy::Policy,
    retry::{RetryReport, StoppedBy},
    timeout::AtLimit,
};
use longhaul_sim::Dialect;
use longhaul_testing::harness::Harness;
use tokio::time::Instant;

use crate::calls::{PRICE, picture, scripted, send};

#[tokio::test(start_paused = true)]
async fn an_overload_and_a_cut_end_in_a_picture_and_honest_books() {
    for dialect in [Dialect::OpenAi, Dialect::Gemini] {
        let harness = scripted("overloaded, cut@60, none+takes@240");
        let began = Instant::now();
        let answer = send(harness.client(), picture(dialect)).await.unwrap();

        // 503, 15 s, a cut after 60 s, 5 s, a picture after 240 s.
        assert_eq!(began.elapsed().as_secs(), 15 + 60 + 5 + 240);
        assert_eq!(answer.status(), 200);

        let report = answer.extensions().get::<RetryReport>().unwrap();
        assert_eq!(
            report.classes().collect::<Vec<_>>(),
            [Class::Overloaded, Class::UnknownOutcome, Class::Delivered].map(Some)
        );
        assert_eq!(report.waits(), [15, 5].map(Duration::from_secs));
        assert_eq!(report.duplicates(), 1);
        assert_eq!(report.stopped_by(), StoppedBy::Success);
        assert_eq!(report.queue_timeouts(), 0);

        let ledger = harness.stack.ledger();
        let ends: Vec<_> = ledger
            .records()
            .into_iter()
            .map(|record| record.closing.unwrap().outcome)
            .map(|outcome| (outcome.end, outcome.class, outcome.duration.as_secs()))
            .collect();
        assert_eq!(
            ends,
            [
                (End::Finished, Class::Overloaded, 0),
                (End::Failed, Class::UnknownOutcome, 60),
                (End::Finished, Class::Delivered, 240),
            ]
        );
        let totals = ledger.totals().in_currency(Currency::USD).unwrap();
        assert_eq!(totals.certain, Money::usd_micros(PRICE));
        assert_eq!(totals.possible, Money::usd_micros(2 * PRICE));

        let claims: Vec<_> = ledger
            .claims(&harness.stack.policy().billing.claims)
            .into_iter()
            .map(|claim| (claim.attempt, claim.rule, claim.amount, claim.certainty))
            .collect();
        let price = Some(Money::usd_micros(PRICE));
        assert_eq!(
            claims,
            [
                (2, ClaimRule::Duplicate, price, ClaimConfidence::Verify),
                (3, ClaimRule::Over, price, ClaimConfidence::Eligible),
            ]
        );
        harness.assert_agreement().await;
        // What the ledger held for likely was so.
        assert_eq!(harness.provider.oracle().totals().charged, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_asked_again_only_while_held() {
    let harness = |hold| {
        let mut policy = Policy::nano_banana_pro();
        policy.classify.hold = hold;
        policy.classify.peek_limit = 16;
        Harness::in_process(policy, "truncated, stalled, none".parse().unwrap())
    };
    let handed_on = harness(false);
    let broken = send(handed_on.client(), picture(Dialect::OpenAi))
        .await
        .unwrap_err();
    assert_eq!(broken.class(), Class::Undelivered);
    handed_on.assert_agreement().await;
    assert_eq!(handed_on.provider.oracle().totals().charged, 1);

    let held = harness(true);
    let answer = send(held.client(), picture(Dialect::OpenAi)).await.unwrap();
    let report = answer.extensions().get::<RetryReport>().unwrap();
    assert_eq!(
        report.classes().collect::<Vec<_>>(),
        [Class::Undelivered, Class::Undelivered, Class::Delivered].map(Some)
    );
    assert_eq!(report.duplicates(), 2);
    held.assert_agreement().await;
    assert_eq!(held.provider.oracle().totals().charged, 3);
}

#[tokio::test(start_paused = true)]
async fn every_attempt_carries_one_key_its_number_and_the_same_body() {
    let harness = scripted("overloaded, reset@10, none");
    send(harness.client(), picture(Dialect::OpenAi))
        .await
        .unwrap();
    harness.assert_agreement().await;

    let entries = harness.provider.oracle().entries();
    assert_eq!(entries.len(), 3);
    for (entry, number) in entries.iter().zip(1..) {
        assert!(entry.key.is_some());
        assert_eq!(entry.key, entries[0].key);
        assert_eq!(entry.attempt, Some(number));
        assert_eq!(entry.body_bytes, entries[0].body_bytes);
        assert_eq!(entry.http_version, "HTTP/1.1");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_makes_an_attempt_late_and_the_deadline_ends_it() {
    // Duplicates after 600 s of silence and growing waits, beside what is late: that may still bring the picture.
    let begins = [0, 600 + 5, 600 + 5 + 600 + 10];
    let ends = [2_250; 3];
    silent_until(ends, begins, None).await;
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_600_s_three_times_to_the_documents_letter() {
    let begins = [0, 600 + 5, 600 + 5 + 600 + 10];
    let ends = begins.map(|begin| begin + 600);
    silent_until(ends, begins, Some(AtLimit::End)).await;
}

/// Three attempts without an answer, which begin and end so many seconds after the operation's beginning.
async fn silent_until(ends: [u64; 3], begins: [u64; 3], at_limit: Option<AtLimit>) {
    let mut policy = Policy::nano_banana_pro();
    policy.timeout.at_limit = at_limit;
    let harness = Harness::in_process(policy, "silence*3".parse().unwrap());
    let began = Instant::now();
    let error = send(harness.client(), picture(Dialect::Gemini))
        .await
        .unwrap_err();
    assert_eq!(began.elapsed().as_secs(), ends[2]);
    assert!(error.is_timeout());
    let report = error.report().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Attempts);
    assert_eq!(report.duplicates(), 2);
    assert_eq!(report.waits(), [5, 10].map(Duration::from_secs));
    let lasted = report.attempts().iter().map(|attempt| {
        let outcome = attempt.outcome_now().unwrap();
        assert_eq!(outcome.end, End::TimedOut);
        outcome.duration.as_secs()
    });
    let expected = ends.iter().zip(begins).map(|(end, begin)| end - begin);
    assert_eq!(lasted.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    harness.assert_agreement().await;
    assert_eq!(harness.provider.oracle().totals().charged, 3);
}

#[tokio::test(start_paused = true)]
async fn the_caller_gets_the_costliest_ending_and_not_the_last() {
    let harness = scripted("cut@60, unauthorized");
    let error = send(harness.client(), picture(Dialect::OpenAi))
        .await
        .unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    let report = error.report().unwrap();
    assert_eq!(report.stopped_by(), StoppedBy::Class);
    assert_eq!(report.attempts().len(), 2);
    harness.assert_agreement().await;

    // An answer is kept with its body.
    let harness = scripted("gateway-timeout@60, bad-request");
    let answer = send(harness.client(), picture(Dialect::Gemini))
        .await
        .unwrap();
    assert_eq!(answer.status(), 504);
    assert!(answer.body().starts_with(b"<html>"));
    let report = answer.extensions().get::<RetryReport>().unwrap();
    assert_eq!(report.attempts().len(), 2);
    harness.assert_agreement().await;
}
