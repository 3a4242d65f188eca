use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    config::{Cap, Per},
    core::{Attempt, Currency, ErrorKind, Money},
    wall_clock::now,
};

/// The money of all callers that have a cap.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Arc<Mutex<HashMap<Arc<str>, Account>>>);

impl Accounts {
    /// The account of the caller called `name`, with `spent` of earlier where it is new.
    pub fn of(&self, name: &Arc<str>, cap: Cap, spent: impl FnOnce() -> Balance) -> Account {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts
            .entry(name.clone())
            .or_insert_with(|| Account::new(cap, spent()));
        account.state().cap = cap;
        account.clone()
    }
}

/// The money of one caller.
#[derive(Clone, Debug)]
pub struct Account(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    cap: Cap,
    span: Option<SystemTime>,
    balance: Balance,
}

/// What a caller has spent in the span of its cap, in millionths of the cap's currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Balance {
    /// Charged for certain.
    pub spent: i64,
    /// Of calls that ended so that they may have been charged.
    pub doubtful: i64,
    /// Held for calls in flight.
    pub held: i64,
}

impl Balance {
    const fn taken(&self) -> i64 {
        self.spent
            .saturating_add(self.doubtful)
            .saturating_add(self.held)
    }
}

impl Account {
    /// An account under `cap`, of which `balance` was spent before.
    pub fn new(cap: Cap, balance: Balance) -> Self {
        Self(Arc::new(Mutex::new(State {
            cap,
            span: begin(cap.per),
            balance,
        })))
    }

    /// What was spent in this span, and what is held.
    pub fn balance(&self) -> Balance {
        let mut state = self.state();
        state.turn_over();
        state.balance
    }

    /// Nothing held yet.
    pub fn reserve(&self) -> Reservation {
        Reservation(Arc::new(Mutex::new(Held {
            account: self.clone(),
            prices: Vec::new(),
            attempts: Vec::new(),
        })))
    }

    fn hold(&self, price: Option<Money>) -> Result<i64, ErrorKind> {
        let mut state = self.state();
        state.turn_over();
        let cap = state.cap;
        // What is in another currency cannot be held against this cap.
        let price = price.filter(|price| price.currency == cap.limit.currency);
        let fits = price
            .filter(|price| state.balance.taken().saturating_add(price.micros) <= cap.limit.micros);
        let Some(price) = fits else {
            let money = |micros| of(cap.limit.currency, micros);
            return Err(ErrorKind::SpendingCap {
                cap: cap.limit,
                spent: money(state.balance.spent),
                reserved: money(state.balance.doubtful.saturating_add(state.balance.held)),
                price,
            });
        };
        state.balance.held = state.balance.held.saturating_add(price.micros);
        Ok(price.micros)
    }

    fn settle(&self, held: i64, spent: i64, doubtful: i64) {
        let mut state = self.state();
        state.turn_over();
        let balance = &mut state.balance;
        balance.held = balance.held.saturating_sub(held);
        balance.spent = balance.spent.saturating_add(spent);
        balance.doubtful = balance.doubtful.saturating_add(doubtful);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A new span begins with nothing spent; what is in flight stays held.
    fn turn_over(&mut self) {
        let span = begin(self.cap.per);
        if span != self.span {
            self.span = span;
            self.balance.spent = 0;
            self.balance.doubtful = 0;
        }
    }
}

const fn of(currency: Currency, micros: i64) -> Money {
    Money { micros, currency }
}

/// When the span of a cap that counts now began; `None` for one without end.
pub(crate) fn begin(per: Per) -> Option<SystemTime> {
    let utc = jiff::tz::TimeZone::UTC;
    let today = utc
        .to_datetime(jiff::Timestamp::try_from(now()).ok()?)
        .date();
    let first = match per {
        Per::Day => today,
        Per::Month => today.first_of_month(),
        Per::Ever => return None,
    };
    let first = utc.to_timestamp(first.at(0, 0, 0, 0)).ok()?;
    let seconds = u64::try_from(first.as_second()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// What an operation holds of its caller's money. A request extension; dropped with the operation, it settles.
#[derive(Clone, Debug)]
pub struct Reservation(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    account: Account,
    /// Of each attempt that was let through, in their order.
    prices: Vec<i64>,
    attempts: Vec<Attempt>,
}

impl Reservation {
    /// Holds the price of the first attempt, before any layer is asked. The error says why it must not be sent.
    pub fn first(&self, price: Option<Money>) -> Result<(), ErrorKind> {
        let mut held = self.held();
        let price = held.account.hold(price)?;
        held.prices.push(price);
        Ok(())
    }

    /// Holds the price of `attempt`, unless it is the first, whose price is held already.
    pub(super) fn attempt(&self, attempt: &Attempt, price: Option<Money>) -> Result<(), ErrorKind> {
        let mut held = self.held();
        if held.attempts.len() >= held.prices.len() {
            let price = held.account.hold(price)?;
            held.prices.push(price);
        }
        held.attempts.push(attempt.clone());
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let held = self
            .prices
            .iter()
            .fold(0_i64, |sum, price| sum.saturating_add(*price));
        let (mut spent, mut doubtful) = (0_i64, 0_i64);
        for (price, attempt) in self.prices.iter().zip(&self.attempts) {
            let Some(outcome) = attempt.outcome_now() else {
                // It has no end yet: nobody can say that it is free.
                doubtful = doubtful.saturating_add(*price);
                continue;
            };
            // The price that was held counts, whatever the price of what came.
            let exposure = outcome.exposure.probability.as_permille();
            match exposure {
                1000 => spent = spent.saturating_add(*price),
                0..=20 => {}
                _ => doubtful = doubtful.saturating_add(*price),
            }
        }
        self.account.settle(held, spent, doubtful);
    }
}
