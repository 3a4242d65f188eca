use proptest::prelude::*;

use super::*;
use crate::{
    attempt::{Attempt, OperationId},
    error::ErrorKind,
    model::{Class, Currency, End},
};

const PRICE: Money = Money::usd_micros(240_000);

fn book(floor: i64, share: u16, cap: Option<i64>) -> Spending {
    let budget = MoneyBudget {
        floor: Money::usd_micros(floor),
        deposit_per_mille: share,
    };
    Spending::new(Some(budget), cap.map(Money::usd_micros)).unwrap()
}

fn usd(spending: &Spending) -> Balance {
    spending.balance(Currency::USD)
}

/// A ticket for an attempt at this price that ended so.
fn ended(mut ticket: MoneyReservation, price: Money, class: Class) {
    let attempt = Attempt::new(OperationId::new(), 1, None);
    attempt.set_price(Some(price), None, None);
    ticket.attach(&attempt);
    attempt.finish(End::Finished, class);
}

#[tokio::test(start_paused = true)]
async fn what_was_held_is_spent_doubtful_or_free_by_the_outcome() {
    for (class, spent, doubtful, deposit) in [
        (Class::Delivered, 240_000, 0, 24_000),
        (Class::NoImage, 240_000, 0, 0),
        (Class::UnknownOutcome, 0, 240_000, 0),
        (Class::ServerError, 0, 240_000, 0),
        (Class::NeverSent, 0, 0, 0),
        (Class::SentPartial, 0, 0, 0),
        (Class::Refused, 0, 0, 0),
        (Class::Overloaded, 0, 0, 0),
    ] {
        let spending = book(0, 100, Some(1_000_000));
        let mut ticket = MoneyReservation::new(&spending);
        ticket.reserve(Some(PRICE)).unwrap();
        assert_eq!(usd(&spending).in_flight, 240_000);
        ended(ticket, PRICE, class);
        let expected = Balance {
            duplicates: deposit,
            spent,
            in_flight: 0,
            doubtful,
        };
        assert_eq!(usd(&spending), expected, "{class}");
    }
}

#[test]
fn a_ticket_that_was_never_used_gives_everything_back() {
    let spending = book(500_000, 0, None);
    let mut ticket = MoneyReservation::new(&spending);
    ticket.reserve(Some(PRICE)).unwrap();
    assert!(ticket.withdraw(Some(PRICE)));
    assert_eq!(usd(&spending).duplicates, 260_000);
    drop(ticket);
    assert_eq!(usd(&spending).duplicates, 500_000);
    assert_eq!(usd(&spending).in_flight, 0);
}

#[test]
fn the_cap_refuses_what_passes_it_and_unknown_prices() {
    let spending = book(0, 0, Some(500_000));
    let mut first = MoneyReservation::new(&spending);
    first.reserve(Some(PRICE)).unwrap();
    let mut second = MoneyReservation::new(&spending);
    second.reserve(Some(PRICE)).unwrap();
    let refused = MoneyReservation::new(&spending)
        .reserve(Some(PRICE))
        .unwrap_err();
    assert_eq!(
        refused,
        ErrorKind::SpendingCap {
            cap: Money::usd_micros(500_000),
            spent: Money::usd_micros(0),
            reserved: Money::usd_micros(480_000),
            price: Some(PRICE),
        }
    );
    drop(first);
    assert!(
        MoneyReservation::new(&spending)
            .reserve(Some(PRICE))
            .is_ok()
    );

    let euro = Money {
        micros: 1,
        currency: "EUR".parse().unwrap(),
    };
    for unknown in [None, Some(euro)] {
        assert!(MoneyReservation::new(&spending).reserve(unknown).is_err());
    }
}

#[test]
fn a_budget_lends_only_what_it_has_for_a_known_price() {
    let spending = book(240_000, 0, None);
    assert!(!MoneyReservation::new(&spending).withdraw(None));
    let mut first = MoneyReservation::new(&spending);
    assert!(first.withdraw(Some(PRICE)));
    assert!(!MoneyReservation::new(&spending).withdraw(Some(Money::usd_micros(1))));
    drop(first);

    // Currencies never mix: the floor is in one of them.
    let mut other = MoneyReservation::new(&spending);
    assert!(!other.withdraw(Some(Money {
        micros: 240_000,
        currency: "EUR".parse().unwrap(),
    })));
    assert_eq!(usd(&spending).duplicates, 240_000);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_that_was_free_leaves_its_stake_to_the_next() {
    let spending = book(240_000, 0, None);
    let mut duplicate = MoneyReservation::new(&spending);
    assert!(duplicate.withdraw(Some(PRICE)));
    let mut next = MoneyReservation::new(&spending);
    next.take_place_of(Some(&mut duplicate));
    ended(duplicate, PRICE, Class::Overloaded);
    assert_eq!(usd(&spending).duplicates, 0);
    ended(next, PRICE, Class::Delivered);
    assert_eq!(usd(&spending).duplicates, 0, "that one was charged");
}

/// What happens to one attempt: wanted, as a duplicate or not, and how it ends.
fn anything() -> impl Strategy<Value = Vec<(i64, u16, bool, usize, bool)>> {
    proptest::collection::vec(
        (
            0_i64..400_000,
            0_u16..=1000,
            any::<bool>(),
            0..Class::ALL.len(),
            any::<bool>(),
        ),
        0..60,
    )
}

proptest! {
    #[test]
    fn a_budget_stays_between_zero_its_cap_and_its_deposits(
        floor in 0_i64..1_000_000,
        share in 0_u16..=1000,
        cap in 0_i64..3_000_000,
        attempts in anything(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        let spending = book(floor, share, Some(cap));
        let (mut granted, mut deposited) = (0, 0);
        let mut open = Vec::new();
        for (micros, probability, duplicate, class, keep_open) in attempts {
            let price = Money::usd_micros(micros);
            let mut ticket = MoneyReservation::new(&spending);
            let mut stake = 0;
            if duplicate {
                let waste = price.at(crate::model::Probability::permille(probability));
                if !ticket.withdraw(Some(waste)) {
                    continue;
                }
                stake = waste.micros;
            }
            if ticket.reserve(Some(price)).is_err() {
                continue;
            }
            if keep_open {
                open.push(ticket);
                granted += stake;
            } else {
                let class = Class::ALL[class];
                ended(ticket, price, class);
                if class.is_possibly_charged() {
                    granted += stake;
                }
                if class == Class::Delivered {
                    deposited += price.at(crate::model::Probability::permille(share)).micros;
                }
            }
            let balance = usd(&spending);
            prop_assert!(balance.duplicates >= 0);
            prop_assert!(balance.spent + balance.reserved() <= cap);
            prop_assert!(granted <= floor + deposited);
            prop_assert_eq!(balance.duplicates, floor + deposited - granted);
        }
        drop(open);
        prop_assert_eq!(usd(&spending).in_flight, 0);
    }
}
