//! Money that is held by a value and given back by its drop. Whatever happens to an attempt, a refusal, a panic or a caller
//! that leaves, the reservation ends with it, and settles by its outcome (`dropped_at_any_point_nothing_stays_in_flight`).

use super::{Spending, spending::may_be_charged};
use crate::{attempt::Attempt, error::ErrorKind, model::Money};

/// The money held for one attempt, from the decision to make it until its end.
///
/// Dropped, it settles by the attempt's outcome; without an attempt everything is free again.
#[derive(Debug)]
pub(in crate::retry) struct MoneyReservation {
    spending: Spending,
    // Held for the attempt itself.
    price: Option<Money>,
    // Withdrawn from the budget, because an earlier attempt may be charged too.
    stake: Option<Money>,
    attempt: Option<Attempt>,
}

impl MoneyReservation {
    /// Holds nothing yet.
    pub(in crate::retry) fn new(spending: &Spending) -> Self {
        Self {
            spending: spending.clone(),
            price: None,
            stake: None,
            attempt: None,
        }
    }

    /// Holds the price of the attempt, or says why it must not be sent.
    pub(in crate::retry) fn reserve(&mut self, price: Option<Money>) -> Result<(), ErrorKind> {
        self.price = self.spending.reserve(price)?;
        Ok(())
    }

    /// Takes what a duplicate may waste out of the budget; `false` where that does not reach.
    pub(in crate::retry) fn withdraw(&mut self, waste: Option<Money>) -> bool {
        match self.spending.withdraw(waste) {
            Ok(stake) => {
                self.stake = stake;
                true
            }
            Err(()) => false,
        }
    }

    /// The attempt before was a duplicate and turned out to be free: this one takes its place.
    pub(in crate::retry) fn take_place_of(&mut self, free: Option<&mut Self>) {
        self.stake = free.and_then(|free| free.stake.take());
    }

    /// What was withdrawn, because an earlier attempt may be charged too.
    pub(in crate::retry) const fn stake(&self) -> Option<Money> {
        self.stake
    }

    /// What was withdrawn was for nothing: the attempt is no duplicate.
    pub(in crate::retry) fn put_back_stake(&mut self) {
        if let Some(stake) = self.stake.take() {
            self.spending.put_back(stake);
        }
    }

    /// From here on the attempt's outcome settles it.
    pub(in crate::retry) fn attach(&mut self, attempt: &Attempt) {
        self.attempt = Some(attempt.clone());
    }
}

impl Drop for MoneyReservation {
    fn drop(&mut self) {
        // An attempt ends before its reservation: its guard stands before it everywhere.
        let outcome = self.attempt.as_ref().and_then(Attempt::outcome_now);
        self.spending.settle(self.price, outcome.as_ref());
        let wasted = outcome.is_some_and(|outcome| may_be_charged(&outcome.exposure));
        if !wasted {
            self.put_back_stake();
        }
    }
}
