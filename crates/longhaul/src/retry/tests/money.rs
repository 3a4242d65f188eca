use super::{script::*, *};
use crate::model::{Currency, PriceRow, PriceTable};

const PRICE: i64 = 240_000;

fn prices() -> PriceTable {
    PriceTable::new(vec![PriceRow::new(
        "*",
        "*",
        crate::Money::usd_micros(PRICE),
    )])
    .unwrap()
}

fn priced(policy: RetryPolicy, says: impl IntoIterator<Item = Say>) -> Script {
    let mut script = Script::new(policy, says);
    script.layer = script.layer.with_prices(prices());
    script
}

fn budget(floor: i64, share: u16) -> RetryPolicy {
    let mut policy = exact();
    policy.budget = Some(MoneyBudget {
        floor: Money::usd_micros(floor),
        deposit_per_mille: share,
    });
    policy
}

fn capped(micros: i64) -> RetryPolicy {
    let mut policy = exact();
    policy.spending_cap = Some(Money::usd_micros(micros));
    policy
}

fn balance(script: &Script) -> Balance {
    script.layer.spending().unwrap().balance(Currency::USD)
}

#[tokio::test(start_paused = true)]
async fn delivered_pictures_fill_the_budget_that_duplicates_drain() {
    // Enough for one duplicate after an unknown outcome (0.9 × 0.24), not for two.
    let says = [Say::broken(1), Say::broken(1)];
    let script = priced(budget(216_000, 900), says);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Budget);
    assert_eq!(report(&answered).duplicates(), 1);
    assert_eq!(balance(&script).duplicates, 0);

    // All operations of the layer share it, and what is delivered lets the next one duplicate.
    let mut second = priced(exact(), [Say::picture(1), Say::broken(1), Say::picture(1)]);
    second.layer = script.layer.clone();
    second.call(request()).await.unwrap();
    assert_eq!(balance(&script).duplicates, 216_000);
    let answered = second.call(request()).await;
    assert_eq!(report(&answered).duplicates(), 1);
    assert_eq!(balance(&script).duplicates, 216_000, "0.9 out, 0.9 in");
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_or_never_sent_is_free() {
    let script = priced(
        budget(0, 0),
        [Say::status(1, 503), Say::status(1, 429), Say::picture(1)],
    );
    script.call(request()).await.unwrap();

    // The duplicate is refused, and its stake goes to the one that takes its place.
    let says = [Say::broken(1), Say::status(1, 503), Say::picture(1)];
    let script = priced(budget(216_000, 0), says);
    script.call(request()).await.unwrap();
    assert_eq!(balance(&script).duplicates, 0);

    // All of its successors are refused: nothing was wasted.
    let says = [Say::broken(1), Say::status(1, 503), Say::status(1, 503)];
    let mut policy = budget(216_000, 0);
    policy.free_until = Some(40 * SECOND);
    let script = priced(policy, says);
    let _ = script.call(request()).await;
    assert_eq!(balance(&script).duplicates, 216_000);
}

#[tokio::test(start_paused = true)]
async fn no_price_means_no_duplicate_and_under_a_cap_no_call() {
    let script = Script::new(budget(1_000_000, 0), [Say::broken(1)]);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Budget);

    let script = Script::new(capped(1_000_000), []);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::SpendingCap);
    let error = answered.unwrap_err();
    assert_eq!(error.class(), Class::NotBegun);
    assert!(error.attempt().is_none() && error.report().unwrap().attempts().is_empty());
    assert!(error.to_string().contains("no known price"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_cap_refuses_before_sending_and_says_why() {
    let script = priced(
        capped(600_000),
        [Say::picture(1), Say::broken(1), Say::status(1, 503)],
    );
    script.call(request()).await.unwrap();
    assert_eq!(balance(&script).spent, PRICE);

    // The second is doubtful; a third, whatever it is, might go over the cap.
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::SpendingCap);
    assert_eq!(answered.unwrap_err().class(), Class::UnknownOutcome);
    assert_eq!(script.times().len(), 2);

    let error = script.call(request()).await.unwrap_err();
    let usd = Money::usd_micros;
    assert_eq!(
        *error.kind(),
        ErrorKind::SpendingCap {
            cap: usd(600_000),
            spent: usd(PRICE),
            reserved: usd(PRICE),
            price: Some(usd(PRICE)),
        }
    );
    let text = error.to_string();
    assert!(
        text.starts_with(
            "the call costs 0.24 USD and was not sent: of 0.60 USD at most, 0.24 USD are spent and \
             0.24 USD held"
        ),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_makes_room_under_the_cap_for_the_next() {
    let says = [Say::status(1, 503), Say::status(1, 503), Say::picture(1)];
    let script = priced(capped(PRICE), says);
    assert_eq!(script.call(request()).await.unwrap().status(), 200);
    assert_eq!(balance(&script).spent, PRICE);

    // The same without a classifier below.
    let acts = Provider::new([Act::Answer(503, ""), OK]);
    let provider = acts.clone();
    let client = service_fn(move |request| provider.clone().serve(request));
    let layer = ClassifyingRetryLayer::new(capped(PRICE))
        .unwrap()
        .with_prices(prices());
    let response = layer.layer(client).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 200);

    // A late one goes on holding its price: no other fits beside it.
    let policy = capped(PRICE);
    let script = priced(policy, [Say::picture(700)]);
    assert_eq!(script.call(request()).await.unwrap().status(), 200);
    assert_eq!(script.times(), [0]);
}

#[tokio::test(start_paused = true)]
async fn the_cap_counts_what_the_answer_says_that_it_cost() {
    const TOLD: &str = r#"{"data":[{"b64_json":"AAAA"}],"usage":{"cost":0.39}}"#;
    let script = priced(capped(1_000_000), [Say(1, 200, "x: y", TOLD)]);
    script.call(request()).await.unwrap();
    assert_eq!(balance(&script).spent, 390_000);
}

#[tokio::test(start_paused = true)]
async fn calls_hold_their_price_in_flight_and_free_it_at_any_end() {
    let script = priced(capped(PRICE), [Say::picture(100), Say::picture(1)]);
    let first = script.clone();
    let running = tokio::spawn(async move { first.call(request()).await.map(drop) });
    sleep(SECOND).await;
    assert_eq!(balance(&script).in_flight, PRICE);
    let refused = script.call(request()).await.unwrap_err();
    assert!(matches!(*refused.kind(), ErrorKind::SpendingCap { .. }));
    running.abort();
    running.await.unwrap_err();
    assert_eq!(balance(&script).in_flight, 0);
    assert_eq!(balance(&script).doubtful, PRICE, "it was sent");
}

#[tokio::test(start_paused = true)]
async fn dropped_at_any_point_nothing_stays_in_flight() {
    for cut in 0..60 {
        let mut policy = budget(1_000_000, 100);
        policy.spending_cap = Some(Money::usd_micros(10_000_000));
        let says = [Say::status(15, 503), Say::picture(620), Say::picture(400)];
        let script = priced(policy, says);
        let call = script.call(request());
        let _ = tokio::time::timeout(Duration::from_secs(cut * 12), call).await;
        let after = balance(&script);
        assert_eq!(after.in_flight, 0, "cut at {cut}");
        assert_eq!((after.spent + after.doubtful) % PRICE, 0);
        assert!(after.duplicates >= 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_still_read_holds_its_price() {
    let body = "x".repeat(100_000);
    let service = service_fn(move |_: Request<Full<Bytes>>| {
        let body = body.clone();
        async move { Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(body))) }
    });
    let layer = ClassifyingRetryLayer::new(capped(PRICE))
        .unwrap()
        .with_prices(prices());
    let spending = layer.spending().unwrap().clone();
    let response = layer.layer(service).oneshot(request()).await.unwrap();
    assert_eq!(spending.balance(Currency::USD).in_flight, PRICE);
    response.into_body().collect().await.unwrap();
    let after = spending.balance(Currency::USD);
    assert_eq!((after.in_flight, after.spent), (0, PRICE));
}
