//! What is bounded for the operation, or for the whole client, is bounded at every target.

use std::sync::Mutex;

use http::{Request, Response};
use http_body::Body;
use tower::{Layer, ServiceExt, service_fn};

use super::script::*;
use crate::{
    Stack,
    body::ReplayBody,
    detect::DetectWorkloadLayer,
    error::{BoxError, ErrorKind},
    fallback::{FallbackPolicy, FallbackReport, SkipReason, Target},
    model::{Class, Currency, Money, PriceRow},
    policy::Policy,
    retry::{self, MoneyBudget},
};

const PRICE: i64 = 240_000;

/// Whoever cuts the call, the next is asked; each call has a price.
fn cut_and_go_on(targets: impl IntoIterator<Item = Target>) -> Policy {
    let mut policy = policy(targets);
    policy.fallback.triggers.push(Class::IntermediaryCut);
    policy.fallback.allow_duplicate = vec![Class::IntermediaryCut];
    policy.billing.prices = vec![PriceRow::new("*", "*", crate::Money::usd_micros(PRICE))];
    policy
}

/// What a call beside one that was cut may waste.
fn waste() -> i64 {
    Money::usd_micros(PRICE)
        .at(Class::IntermediaryCut.charge_probability())
        .micros
}

fn duplicates_left(stack: &Stack) -> i64 {
    let spending = stack.spending().expect("the policy counts money");
    spending.balance(Currency::USD).duplicates
}

/// Who stopped the retrying at the last target.
fn stopped_there(report: &FallbackReport) -> retry::StoppedBy {
    let last = report.hops().last().expect("somebody was asked");
    last.report.as_ref().expect("by a retry layer").stopped_by()
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_at_another_target_uses_up_the_operations_number() {
    let mut policy = cut_and_go_on([route("second")]);
    policy.retry.paid_attempts = 2;
    policy.retry.free_until = None;
    let script = Script::new([CUT, OVERLOADED, OVERLOADED, CUT, CUT]);
    let answered = run(policy, &script).await;
    // The first target makes the one that is allowed, the second is asked by class, and makes none.
    assert_eq!(
        script.hosts(),
        ["first", "first", "first", "second"],
        "{answered:?}"
    );
    let report = report(&answered);
    assert_eq!(stopped_there(&report), retry::StoppedBy::Attempts);
    let made: Vec<_> = report
        .hops()
        .iter()
        .map(|hop| hop.report.as_ref().unwrap().duplicates())
        .collect();
    // What the first refused was free.
    assert_eq!(made, [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn duplicates_that_were_refused_leave_their_number_to_the_next() {
    let mut policy = cut_and_go_on([route("second")]);
    policy.retry.paid_attempts = 2;
    policy.retry.free_until = None;
    policy.retry.max_duplicate_cost = Some(Money::usd_micros(PRICE));
    let script = Script::new([CUT, OVERLOADED, OVERLOADED, OK]);
    run(policy, &script).await.unwrap();
    assert_eq!(script.hosts(), ["first", "first", "first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn an_allowed_class_asks_elsewhere_without_a_number() {
    let policy = cut_and_go_on([route("second")]);
    let script = Script::new([CUT, CUT]);
    let answered = run(policy, &script).await;
    assert_eq!(script.hosts(), ["first", "second"]);
    assert_eq!(report(&answered).duplicates(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_target_overdraws_the_operations_money_for_duplicates() {
    let mut policy = cut_and_go_on([route("second"), route("third")]);
    policy.retry.max_duplicate_cost = Some(Money::usd_micros(PRICE));
    let script = Script::new([CUT, CUT]);
    let answered = run(policy, &script).await;
    assert_eq!(script.hosts(), ["first", "second"]);
    let report = report(&answered);
    assert_eq!(report.hops()[2].class, Some(Class::NotBegun));
    assert_eq!(stopped_there(&report), retry::StoppedBy::Duplicates);
    // What may have cost something is handed on, not the refusal.
    assert_eq!(answered.unwrap().status(), 524);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_elsewhere_is_paid_from_the_clients_budget() {
    let mut policy = cut_and_go_on([route("second")]);
    policy.retry.budget = Some(MoneyBudget {
        floor: Money::usd_micros(waste()),
        deposit_per_mille: 0,
    });
    let stack = Stack::new(policy).unwrap();
    let script = Script::new([CUT, OK]);
    send(&stack, &script, request()).await.unwrap();
    assert_eq!(script.hosts(), ["first", "second"]);
    assert_eq!(duplicates_left(&stack), 0);

    let script = Script::new([CUT]);
    let answered = send(&stack, &script, request()).await;
    assert_eq!(script.hosts(), ["first"]);
    let report = report(&answered);
    assert_eq!(stopped_there(&report), retry::StoppedBy::Budget);
    assert_eq!(stack.ledger().records().len(), 3, "nothing was sent");
    assert_eq!(answered.unwrap().status(), 524);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_was_free_leaves_its_stake_to_the_next() {
    let mut policy = cut_and_go_on([route("second"), route("third")]);
    policy.retry.budget = Some(MoneyBudget {
        floor: Money::usd_micros(waste()),
        deposit_per_mille: 0,
    });
    let stack = Stack::new(policy).unwrap();
    let script = Script::new([CUT, OVERLOADED, OK]);
    let answered = send(&stack, &script, request()).await;
    assert_eq!(script.hosts(), ["first", "second", "third"]);
    assert_eq!(report(&answered).duplicates(), 2);
    assert_eq!(duplicates_left(&stack), 0);
}

#[tokio::test(start_paused = true)]
async fn a_budget_pays_for_no_target_without_a_price() {
    let mut policy = cut_and_go_on([route("second")]);
    policy.billing.prices.clear();
    policy.retry.budget = Some(MoneyBudget::default());
    let script = Script::new([CUT]);
    let answered = run(policy, &script).await;
    assert_eq!(script.hosts(), ["first"]);
    let report = report(&answered);
    assert_eq!(stopped_there(&report), retry::StoppedBy::Budget);
    assert_eq!(answered.unwrap().status(), 524);

    let kind = ErrorKind::Duplicate { waste: None };
    assert!(kind.to_string().contains("is not known"), "{kind}");
}

#[tokio::test(start_paused = true)]
async fn what_is_free_is_no_duplicate() {
    let mut policy = cut_and_go_on([route("second")]);
    policy.billing.prices = vec![PriceRow::new("*", "*", crate::Money::usd_micros(0))];
    policy.retry.max_duplicate_cost = Some(Money::usd_micros(0));
    policy.retry.budget = Some(MoneyBudget {
        floor: Money::usd_micros(0),
        deposit_per_mille: 0,
    });
    let script = Script::new([CUT, OK]);
    run(policy, &script).await.unwrap();
    assert_eq!(script.hosts(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_over_the_spending_cap_takes_no_stake() {
    let mut policy = cut_and_go_on([route("second")]);
    policy.retry.budget = Some(MoneyBudget::default());
    policy.retry.spending_cap = Some(Money::usd_micros(PRICE));
    let floor = MoneyBudget::default().floor.micros;
    let stack = Stack::new(policy).unwrap();
    let script = Script::new([CUT]);
    let answered = send(&stack, &script, request()).await;
    assert_eq!(script.hosts(), ["first"]);
    let report = report(&answered);
    assert_eq!(stopped_there(&report), retry::StoppedBy::SpendingCap);
    let there = report.hops()[1].report.as_ref().unwrap();
    assert_eq!(there.duplicates(), 0);
    assert_eq!(duplicates_left(&stack), floor);
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_body_has_no_room_is_passed_over() {
    let length = request().into_body().size_hint().exact().unwrap();
    for (limit, asked, why) in [
        (length * 4, vec!["first", "ark"], None),
        (length + 1, vec!["first"], Some(SkipReason::ReplayLimit)),
    ] {
        let mut policy = policy([seedream()]);
        policy.detect.replay_limit = length;
        policy.detect.client_replay_limit = limit;
        let stack = stack(policy);
        let script = Script::new([OVERLOADED, OK]);
        let answered = send(&stack, &script, request()).await;
        assert_eq!(script.hosts(), asked);
        assert_eq!(skipped(&answered), [None, why]);
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_new_body_count_until_the_operation_ends() {
    let detect = DetectWorkloadLayer::default();
    let (statuses, held) = (Mutex::new(vec![200, 503]), Mutex::new(Vec::new()));
    let client = service_fn(|request: Request<ReplayBody<_>>| {
        let sent = request.body().buffered().unwrap().len() as u64;
        held.lock().unwrap().push((sent, detect.retained_bytes()));
        let status = statuses.lock().unwrap().pop().unwrap();
        let response = Response::builder().status(status).body(());
        async move { Ok::<_, BoxError>(response.unwrap()) }
    });
    let fallback = layer(FallbackPolicy::to([seedream()]));
    let client = detect.layer(
        fallback
            .with_replay_budget(detect.replay_budget())
            .layer(client),
    );
    client.oneshot(request()).await.unwrap();
    let held = held.lock().unwrap();
    let [(callers, first), (anew, second)] = held[..] else {
        panic!("two were asked: {held:?}");
    };
    assert_ne!(callers, anew);
    assert_eq!((first, second), (callers, callers + anew));
    assert_eq!(detect.retained_bytes(), 0);
}
