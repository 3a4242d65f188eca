use longhaul::{
    Class, End, Money,
    billing::{MemoryLedger, PriceRow},
    classify::DefaultClassifier,
};
use longhaul_providers::stream::{Api, StreamReport};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stream_is_one_attempt_and_outlives_an_idle_cut() {
    let provider = provider("cut@60+takes@240");
    let stack = streams();
    let ended = call!(stack, provider, RESPONSES);
    assert!(ended.document()["output"][0]["result"].is_string());
    assert_eq!(ended.report.attempts().len(), 1);
    let closing = only(stack.ledger().records()).closing.unwrap();
    assert_eq!(
        (closing.outcome.end, closing.outcome.class),
        (End::Finished, Class::Delivered)
    );
    assert!(entries(&provider).await[0].delivered);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_early_is_charged_and_undelivered() {
    for script in ["stream-ends", "truncated"] {
        let provider = provider(&format!("{script}+takes@60, none+takes@60"));
        let stack = streams();
        let ended = call!(stack, provider, RESPONSES);
        let classes: Vec<_> = ended.report.classes().flatten().collect();
        assert_eq!(classes, [Class::Undelivered, Class::Delivered], "{script}");
        let first = stack.ledger().records()[0].closing.clone().unwrap();
        assert_eq!(
            first.outcome.exposure.probability.as_permille(),
            1000,
            "{script}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_in_a_stream_means_what_the_unary_call_means() {
    let provider = provider("task-failed@image_content_policy_violation+takes@30");
    let stack = streams();
    let ended = call!(stack, provider, RESPONSES);
    assert_eq!(ended.answer.as_ref().unwrap().0, 400);
    assert_eq!(
        ended.report.attempts()[0].class(),
        Some(Class::ContentBlocked)
    );
}

#[tokio::test(start_paused = true)]
async fn silence_after_a_ping_is_late_and_the_picture_is_waited_for() {
    let policy = StreamPolicy::default().at("relay.test", Api::Images, 0);
    let stack = stack().with_exchange(StreamUpgradeLayer::new(policy).unwrap());
    for (every, late) in [(80, false), (100, true)] {
        let provider = builder("none+takes@250")
            .pings(Duration::from_secs(every))
            .build()
            .unwrap();
        let ended = call!(stack, provider, SUB2API);
        assert_eq!(ended.answer.as_ref().unwrap().0, 200, "{every}");
        assert_eq!(ended.report.attempts()[0].is_late(), late, "{every}");
        assert_eq!(entries(&provider).await.len(), 1, "{every}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_report_comes_with_the_answer() {
    let provider = provider("none+takes@100");
    let answer = streams()
        .layer(provider)
        .oneshot(request(RESPONSES))
        .await
        .unwrap();
    let report = answer.extensions().get::<StreamReport>().unwrap();
    assert!(report.pings >= 3, "{report:?}");
}

/// A picture costs 0.24 USD at the relay, and each partial image 0.003 USD besides.
fn priced_streams() -> Stack<MemoryLedger, DefaultClassifier, StreamUpgradeLayer> {
    let mut policy = Policy::default();
    let row = PriceRow::new("*", "*", Money::usd_micros(240_000));
    policy.billing.prices = vec![row.with_draft_price(Money::usd_micros(3_000))];
    let streams = StreamPolicy::default().at("relay.test", Api::Images, 3);
    let layer = StreamUpgradeLayer::new(streams).unwrap();
    Stack::new(policy).unwrap().with_exchange(layer)
}

#[tokio::test(start_paused = true)]
async fn what_partial_images_cost_is_a_line_of_its_own() {
    let stack = priced_streams();
    let provider = provider("none+takes@100");
    call!(stack, provider, SUB2API).answer.unwrap();
    let closing = only(stack.ledger().records()).closing.unwrap();
    assert_eq!((closing.evidence.drafts, closing.evidence.images), (3, 1));
    let exposure = closing.outcome.exposure;
    assert_eq!(exposure.drafts, Some(Money::usd_micros(9_000)));
    assert_eq!(exposure.certain(), Some(Money::usd_micros(249_000)));
}

#[tokio::test(start_paused = true)]
async fn partial_images_of_a_broken_stream_may_be_charged_too() {
    let stack = priced_streams();
    let provider = provider("stream-ends+takes@60, none+takes@60");
    call!(stack, provider, SUB2API).answer.unwrap();
    let records = stack.ledger().records();
    let broken = records[0].closing.as_ref().unwrap();
    assert_eq!(broken.outcome.class, Class::Undelivered);
    let drafts = i64::from(broken.evidence.drafts);
    assert!(drafts > 0, "{broken:?}");
    let exposure = broken.outcome.exposure;
    assert_eq!(exposure.drafts, Some(Money::usd_micros(drafts * 3_000)));
    assert_eq!(
        exposure.possible(),
        Some(Money::usd_micros(240_000 + drafts * 3_000))
    );
}
