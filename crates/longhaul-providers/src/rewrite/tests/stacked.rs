//! In the whole stack: each answer in its own words, at its own price.

use longhaul::{
    Class, Money, Resolution,
    billing::{PriceRow, Record},
    fallback::{AnsweredBy, Dialect},
};

use super::*;

#[tokio::test(start_paused = true)]
async fn the_answer_says_what_was_made_and_in_which_words() {
    let mut small = request();
    *small.body_mut() = r#"{"model":"nano-banana-pro","prompt":"a hat","size":"1K"}"#.into();
    let (answer, sent) = send(&stack(policy([seedream()])), small).await;
    let made_by = answer.extensions().get::<AnsweredBy>().unwrap();
    assert!(made_by.is_fallback());
    assert_eq!((&*made_by.target, made_by.index), ("seedream-4.5", 1));
    assert_eq!(made_by.dialect, Dialect::OpenAiImages);
    assert_eq!(made_by.workload.resolution, Resolution::K2);
    assert_eq!(
        made_by.workload.model.as_deref(),
        Some("seedream-4-5-251128")
    );
    let (head, body) = &sent[1];
    assert_eq!(head.extensions.get(), Some(&made_by.workload));
    assert_eq!(head.uri, ARK);
    assert_eq!(head.headers["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["size"], "2K");
}

fn row(record: &Record) -> (&str, &str, Resolution, Money, Class) {
    let opening = &record.opening;
    (
        opening.provider.as_deref().unwrap(),
        opening.model.as_deref().unwrap(),
        opening.resolution,
        opening.price.unwrap(),
        record.closing.as_ref().unwrap().outcome.class,
    )
}

#[tokio::test(start_paused = true)]
async fn the_ledger_shows_who_was_asked_and_at_whose_price() {
    let mut policy = policy([seedream()]);
    let usd = Money::usd_micros;
    policy.billing.prices = vec![
        PriceRow::new("first.example", "nano-banana*", usd(240_000)).for_resolution(Resolution::K4),
        PriceRow::new("ark.example", "seedream-4-5*", usd(40_000)),
    ];
    let stack = stack(policy);
    send(&stack, request()).await;
    let records = stack.ledger().records();
    let rows: Vec<_> = records.iter().map(row).collect();
    let k4 = Resolution::K4;
    let first = (
        "first.example",
        "nano-banana-pro",
        k4,
        usd(240_000),
        Class::Overloaded,
    );
    let second = (
        "ark.example",
        "seedream-4-5-251128",
        k4,
        usd(40_000),
        Class::Delivered,
    );
    assert_eq!(rows, [first, second]);
}

#[tokio::test(start_paused = true)]
async fn a_new_body_is_held_beside_the_callers_or_passed_over() {
    let length = request()
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .len() as u64;
    for (limit, why) in [
        (length * 4, None),
        (length + 1, Some(SkipReason::ReplayLimit)),
    ] {
        let mut policy = policy([seedream()]);
        policy.detect.replay_limit = length;
        policy.detect.client_replay_limit = limit;
        let (answer, sent) = send(&stack(policy), request()).await;
        let report = answer.extensions().get::<FallbackReport>().unwrap();
        assert_eq!(report.hops()[1].skipped, why);
        assert_eq!(sent.len(), if why.is_none() { 2 } else { 1 });
    }
}
