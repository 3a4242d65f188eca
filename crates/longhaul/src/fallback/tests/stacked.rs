//! Each answer at its own price, in the ledger.

use super::script::*;
use crate::{
    billing::Record,
    model::{Class, Money, PriceRow, Resolution},
};

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
    policy.billing.prices = vec![
        PriceRow::new(
            "first.example",
            "nano-banana*",
            crate::Money::usd_micros(240_000),
        )
        .for_resolution(Resolution::K4),
        PriceRow::new(
            "ark.example",
            "seedream-4-5*",
            crate::Money::usd_micros(40_000),
        ),
    ];
    let stack = stack(policy);
    let script = Script::new([OVERLOADED, OK]);
    send(&stack, &script, request()).await.unwrap();

    let records = stack.ledger().records();
    let rows: Vec<_> = records.iter().map(row).collect();
    let k4 = Resolution::K4;
    let usd = Money::usd_micros;
    assert_eq!(
        rows,
        [
            (
                "first.example",
                "nano-banana-pro",
                k4,
                usd(240_000),
                Class::Overloaded
            ),
            (
                "ark.example",
                "seedream-4-5-251128",
                k4,
                usd(40_000),
                Class::Delivered
            ),
        ]
    );
    let [first, second] = [&records[0].opening, &records[1].opening];
    assert_eq!(first.operation, second.operation);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_ne!(first.idempotency_key, second.idempotency_key);
    let spent = stack.ledger().operation(first.operation);
    assert_eq!(spent.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_provider_may_have_a_name_of_its_own() {
    let mut target = seedream();
    target.provider = Some("byteplus".to_owned());
    let stack = stack(policy([target]));
    send(&stack, &Script::new([QUOTA, OK]), request())
        .await
        .unwrap();
    let record = &stack.ledger().records()[1];
    assert_eq!(record.opening.provider.as_deref(), Some("byteplus"));
    assert_eq!(record.opening.host.as_deref(), Some("ark.example"));
}
