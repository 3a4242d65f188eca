//! A plan is made anew when what it was based on changes, and money in is money out.

use super::{script::*, *};
use crate::model::{Currency, PriceRow, PriceTable};

const PRICE: i64 = 240_000;

/// The provider's own error object, which is free whenever it comes.
const REFUSAL: &str = r#"{"error":{"code":503,"message":"The model is overloaded."}}"#;

fn late() -> RetryPolicy {
    exact()
}

fn priced(mut policy: RetryPolicy, says: impl IntoIterator<Item = Say>) -> Script {
    policy.budget = Some(MoneyBudget::default());
    let mut script = Script::new(policy, says);
    let prices = vec![PriceRow::new("*", "*", Money::usd_micros(PRICE))];
    script.layer = script.layer.with_prices(PriceTable::new(prices).unwrap());
    script
}

fn balance(script: &Script) -> Balance {
    script.layer.spending().unwrap().balance(Currency::USD)
}

fn floor() -> i64 {
    MoneyBudget::default().floor.micros
}

#[tokio::test(start_paused = true)]
async fn a_late_refusal_moves_the_next_attempt_to_its_own_time() {
    let says = [Say(602, 503, "retry-after: 60", REFUSAL), Say::picture(100)];
    let script = priced(late(), says);
    let answered = script.call(request()).await;
    assert_eq!(
        script.times(),
        [0, 662],
        "never sooner than the server asks"
    );
    assert_eq!(report(&answered).duplicates(), 0, "the late one was free");
    let share = i64::from(MoneyBudget::default().deposit_per_mille) * PRICE / 1_000;
    assert_eq!(balance(&script).duplicates, floor() + share);
    assert_eq!(balance(&script).in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_runs_beside_one_that_was_free_is_no_duplicate() {
    let says = [Say(700, 503, "x: y", REFUSAL), Say::picture(200)];
    let script = priced(late(), says);
    let answered = script.call(request()).await;
    assert_eq!(script.times(), [0, 605]);
    assert_eq!(report(&answered).duplicates(), 0);
    let share = i64::from(MoneyBudget::default().deposit_per_mille) * PRICE / 1_000;
    assert_eq!(balance(&script).duplicates, floor() + share);
}

#[tokio::test(start_paused = true)]
async fn a_late_one_that_may_be_charged_keeps_its_duplicate() {
    let says = [Say::broken(602), Say::picture(100)];
    let script = priced(late(), says);
    let answered = script.call(request()).await;
    assert_eq!(script.times(), [0, 607], "five seconds after it broke");
    assert_eq!(report(&answered).duplicates(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_hidden_by_an_ending_that_cost_little() {
    // A server that answers 413 and closes while the body is written.
    let seen = Arc::new(Mutex::new(0));
    let service = service_fn(move |request: Request<Full<Bytes>>| {
        let seen = seen.clone();
        async move {
            let attempt = request.extensions().get::<Attempt>().unwrap().clone();
            *seen.lock().unwrap() += 1;
            if *seen.lock().unwrap() == 1 {
                attempt.classify(Class::SentPartial);
                return Err(BoxError::from(io::Error::from(io::ErrorKind::BrokenPipe)));
            }
            let too_large = Response::builder().status(413);
            Ok(too_large.body(Full::<Bytes>::from("too large")).unwrap())
        }
    });
    let client = ClassifyLayer::default().layer(service);
    let client = ClassifyingRetryLayer::new(exact()).unwrap().layer(client);
    let response = client.oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 413);

    // What may be charged comes first all the same, and the report says what came last.
    let says = [Say::broken(1), Say::status(1, 413)];
    let script = Script::new(exact(), says);
    let error = script.call(request()).await.unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    let displaced = error.report().unwrap().displaced().unwrap();
    assert_eq!(displaced.status().unwrap(), 413);
    let text = error.to_string();
    assert!(
        text.contains("attempt 2 ended as ClientError (413"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_announces_the_bytes_that_are_handed_on() {
    let says = [
        Say(1, 500, "content-length: 9999", "the dear one"),
        Say::status(1, 401),
    ];
    let script = Script::new(exact(), says);
    let response = script.call(request()).await.unwrap();
    assert_eq!(response.status(), 500);
    let announced: usize = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(announced, response.body().len());
}

fn any_say() -> impl Strategy<Value = Say> {
    let after = prop_oneof![0_u64..20, 550_u64..720, 1_000_u64..1_300];
    (after, 0_u8..6).prop_map(|(after, what)| match what {
        0 => Say::broken(after),
        1 => Say(after, 503, "x: y", REFUSAL),
        2 => Say(after, 429, "retry-after: 7", "no"),
        3 => Say::status(after, 500),
        4 => Say::picture(after),
        _ => Say::picture(9_000),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever order attempts end in, and wherever the caller leaves.
    #[test]
    fn money_in_is_money_out(
        says in proptest::collection::vec(any_say(), 1..8),
        cut in 1_u64..2_400,
        cap in proptest::option::of(1_i64..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut policy = late();
            policy.spending_cap = cap.map(|calls| Money::usd_micros(calls * PRICE));
            let rest = std::iter::repeat_n(Say::picture(9_000), 40);
            let script = priced(policy, says.into_iter().chain(rest));
            let call = script.call(request());
            drop(tokio::time::timeout(Duration::from_secs(cut), call).await);
            let after = balance(&script);
            assert_eq!(after.in_flight, 0);
            let seen = script.seen.lock().unwrap();
            let (mut spent, mut doubtful, mut deposits, mut charged) = (0, 0, 0, 0);
            for (_, _, attempt) in seen.iter() {
                let outcome = attempt.outcome_now().expect("it has ended");
                let permille = i64::from(outcome.exposure.probability.as_permille());
                if permille == 1_000 {
                    spent += PRICE;
                } else if permille > 20 {
                    doubtful += PRICE;
                }
                charged += i64::from(permille > 20);
                if outcome.class == Class::Delivered {
                    deposits += i64::from(MoneyBudget::default().deposit_per_mille) * PRICE / 1_000;
                }
            }
            assert_eq!((after.spent, after.doubtful), (spent, doubtful));
            // What is gone was wasted by a duplicate that may be charged: at most a price for each, and none for the first.
            let gone = floor() + deposits - after.duplicates;
            assert!(gone >= 0);
            assert!(gone <= (charged - 1).max(0) * PRICE, "{gone} for {charged}");
        });
    }
}
