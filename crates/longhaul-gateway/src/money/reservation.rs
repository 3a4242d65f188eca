//! An operation has one reservation and as many holds as attempts of it may have been charged. The first is made when
//! the operation has its turn, before the layers are asked; each further attempt brings its own.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{
    Account,
    account::{Charged, Hold},
};
use crate::{
    core::{Attempt, ErrorKind, Money},
    progress::may_be_charged,
};

/// What an operation holds of its caller's money. A request extension; dropped with the operation, it settles.
///
/// ```
/// use longhaul::Money;
/// use longhaul_gateway::{config::{Cap, Per}, money::{Account, Balance}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), longhaul::BoxError> {
/// let account = Account::new(Cap::new(Money::usd_micros(1_000_000), Per::Day), Balance::default());
/// let reservation = account.reserve();
/// assert!(reservation.first(Some(Money::usd_micros(240_000))).await.is_ok());
/// assert_eq!(account.balance().await?.held, 240_000);
/// assert!(reservation.first(None).await.is_err(), "what has no price passes under no cap");
/// # Ok(()) }
/// ```
///
/// The clones that travel in requests hold the same money; it settles with the last of them. So it must not be kept
/// longer than the answer: the gateway drops it with the last byte.
#[derive(Clone, Debug)]
pub struct Reservation(Arc<Mutex<Held>>);

#[derive(Debug)]
struct Held {
    account: Account,
    /// One for each attempt that was let through, in their order.
    holds: Vec<Hold>,
    attempts: Vec<Attempt>,
}

impl Account {
    /// Nothing held yet.
    ///
    /// One for each operation.
    pub fn reserve(&self) -> Reservation {
        Reservation(Arc::new(Mutex::new(Held {
            account: self.clone(),
            holds: Vec::new(),
            attempts: Vec::new(),
        })))
    }
}

impl Reservation {
    /// Holds the price of the first attempt, before any layer is asked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SpendingCap`] where the cap does not reach, or the price is not known or in another currency;
    /// [`ErrorKind::Ledger`] where the database that counts does not answer. Nothing is held then, and it must not be
    /// sent.
    pub async fn first(&self, price: Option<Money>) -> Result<(), ErrorKind> {
        let mut held = self.0.lock().await;
        let hold = held.account.hold(price).await?;
        held.holds.push(hold);
        Ok(())
    }

    /// Holds the price of `attempt`. What was held before the first attempt, or for one that ended free of charge, is held
    /// for this one where it is the same price: a target that is asked in another's place may be dearer.
    pub(super) async fn attempt(
        &self,
        attempt: &Attempt,
        price: Option<Money>,
    ) -> Result<(), ErrorKind> {
        let mut held = self.0.lock().await;
        let mut spare = None;
        while let Some(free) = held.attempts.iter().position(is_free) {
            held.attempts.remove(free);
            spare = Some(held.holds.remove(free));
        }
        // Dropped here, it is free for the price that is asked for next.
        while held.holds.len() > held.attempts.len() {
            spare = held.holds.pop();
        }
        let hold = match spare.filter(|spare| Some(spare.price) == price) {
            Some(spare) => spare,
            None => held.account.hold(price).await?,
        };
        held.holds.push(hold);
        held.attempts.push(attempt.clone());
        Ok(())
    }
}

/// An attempt that has no end yet is not: it may be charged.
fn is_free(attempt: &Attempt) -> bool {
    let outcome = attempt.outcome_now();
    outcome.is_some_and(|outcome| !may_be_charged(&outcome))
}

impl Drop for Held {
    fn drop(&mut self) {
        for (hold, attempt) in self.holds.iter_mut().zip(&self.attempts) {
            // The price that was held counts, whatever the price of what came. What has no end yet may be charged.
            hold.charged = match attempt.outcome_now() {
                Some(outcome) if !may_be_charged(&outcome) => Charged::Free,
                Some(outcome) if outcome.exposure.probability.as_permille() == 1000 => {
                    Charged::Spent
                }
                _ => Charged::Doubtful,
            };
        }
    }
}
