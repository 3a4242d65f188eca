use std::sync::Arc;

use super::*;
use crate::{
    config::{Cap, Per},
    core::{ErrorKind, Money},
};

fn account(micros: i64) -> Account {
    Account::new(
        Cap::new(Money::usd_micros(micros), Per::Ever),
        Balance::default(),
    )
}

#[tokio::test]
async fn what_is_in_flight_is_held_and_free_again_if_it_never_left() {
    let account = account(500_000);
    let price = Some(Money::usd_micros(240_000));
    let (one, two, three) = (account.reserve(), account.reserve(), account.reserve());
    one.first(price).await.unwrap();
    two.first(price).await.unwrap();
    let refused = three.first(price).await.unwrap_err();
    let ErrorKind::SpendingCap { reserved, .. } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(reserved.micros, 480_000);
    drop(one);
    three.first(price).await.unwrap();
    assert_eq!(account.balance().await.unwrap().held, 480_000);
    drop((two, three));
    assert_eq!(account.balance().await.unwrap(), Balance::default());
}

#[tokio::test]
async fn a_price_that_is_not_known_is_refused_under_a_cap() {
    let account = account(500_000);
    let refused = account.reserve().first(None).await.unwrap_err();
    assert!(matches!(
        refused,
        ErrorKind::SpendingCap { price: None, .. }
    ));
    let euros = Money {
        micros: 1,
        currency: "EUR".parse().unwrap(),
    };
    let refused = account.reserve().first(Some(euros)).await.unwrap_err();
    assert!(matches!(
        refused,
        ErrorKind::SpendingCap { price: None, .. }
    ));
}

#[tokio::test]
async fn what_was_spent_before_counts_and_a_new_cap_holds_at_once() {
    let accounts = Accounts::default();
    let name: Arc<str> = "alice".into();
    let before = Balance {
        spent: 400_000,
        ..Balance::default()
    };
    let price = Some(Money::usd_micros(240_000));
    let tight = accounts.of(
        &name,
        Cap::new(Money::usd_micros(500_000), Per::Ever),
        || before,
    );
    assert!(tight.reserve().first(price).await.is_err());
    let wide = accounts.of(
        &name,
        Cap::new(Money::usd_micros(900_000), Per::Ever),
        || unreachable!(),
    );
    wide.reserve().first(price).await.unwrap();
}

#[tokio::test]
async fn what_a_first_attempt_costs_is_held_whatever_was_expected() {
    let mut request = http::Request::new(());
    let (attempt, _) = crate::core::Attempt::enter(request.extensions_mut());
    // It was held for a target that was not begun; another one is dearer, or has no price.
    for price in [Some(Money::usd_micros(600_000)), None] {
        let account = account(500_000);
        let reservation = account.reserve();
        let expected = Some(Money::usd_micros(240_000));
        reservation.first(expected).await.unwrap();
        let refused = reservation.attempt(&attempt, price).await.unwrap_err();
        assert!(matches!(refused, ErrorKind::SpendingCap { .. }));
        reservation.attempt(&attempt, expected).await.unwrap();
        assert_eq!(account.balance().await.unwrap().held, 240_000);
    }
}

#[tokio::test]
async fn a_cap_of_another_span_counts_what_was_spent_in_it() {
    let accounts = Accounts::default();
    let name: Arc<str> = "alice".into();
    let spent = |spent| {
        move || Balance {
            spent,
            ..Balance::default()
        }
    };
    let day = Cap::new(Money::usd_micros(500_000), Per::Day);
    accounts.of(&name, day, spent(400_000));
    let month = Cap::new(Money::usd_micros(900_000), Per::Month);
    let account = accounts.of(&name, month, spent(800_000));
    assert_eq!(account.balance().await.unwrap().spent, 800_000);
    let euros = Money {
        micros: 900_000,
        currency: "EUR".parse().unwrap(),
    };
    let account = accounts.of(&name, Cap::new(euros, Per::Month), spent(0));
    assert_eq!(account.balance().await.unwrap().spent, 0);
    // And back again.
    let account = accounts.of(&name, day, spent(450_000));
    assert_eq!(account.balance().await.unwrap().spent, 450_000);
}
