//! The attempt to come: what it is a duplicate of, its place in flight, and the money that is held for it.

use std::{mem, time::Duration};

use tokio::time::Instant;

use super::{
    StoppedBy,
    budget::MoneyReservation,
    decision::Situation,
    operation::{Planned, RetryOperation},
    running::RunningAttempt,
};
use crate::{
    attempt::{Attempt, after},
    body::Replay,
    model::{Class, Decision, Money},
};

impl<B: Replay> RetryOperation<B> {
    /// A duplicate ended and may be charged. Whether it was one is not known before the attempt beside which it was made
    /// has ended too.
    ///
    /// The mark is held until the other has ended, because only then is it known whether the picture was paid for twice.
    pub(super) fn hold_against(&mut self, running: &RunningAttempt) {
        let number = running.beside;
        let other = self
            .report
            .attempts
            .iter()
            .find(|attempt| Some(attempt.number()) == number);
        if let Some(other) = other
            && other.outcome_now().is_none()
            && running.attempt().outcome_now().is_some()
        {
            let stake = running.reservation.as_ref().and_then(|it| it.stake());
            self.charged_beside.push((other.number(), stake));
        }
    }

    /// The attempt turned out to be free: what was made beside it is no duplicate, and holds nothing for being one.
    pub(super) fn forgive(&mut self, free: &Attempt, others: &mut [&mut RunningAttempt]) {
        let (ended, kept) = mem::take(&mut self.charged_beside)
            .into_iter()
            .partition(|(number, _)| *number == free.number());
        self.charged_beside = kept;
        let ended: Vec<(u32, Option<Money>)> = ended;
        for (_, stake) in ended {
            self.report.duplicates = self.report.duplicates.saturating_sub(1);
            if let (Some(stake), Some(budgets)) = (stake, &self.budgets) {
                budgets.spending.put_back(stake);
            }
        }
        for other in others {
            if other.beside == Some(free.number()) {
                other.is_no_duplicate();
                self.report.duplicates = self.report.duplicates.saturating_sub(1);
            }
        }
    }

    /// An operation has one place at a host: what is made beside a late attempt needs no other.
    pub(super) fn share_place(&mut self, attempt: &Attempt) {
        let place_of = |other: &Attempt| Some((other.number(), other.place()?));
        if let Some((holder, place)) = self.report.attempts.iter().find_map(place_of) {
            attempt.set_place(&place);
            self.decided(Decision::SharedPlace {
                attempt: attempt.number(),
                holder,
            });
        }
    }

    /// Plans the next attempt: whether it may begin then, what it is a duplicate of, and its money, which is held from
    /// now on, so that the wait is not for nothing.
    pub(super) fn plan(
        &mut self,
        running: &mut RunningAttempt,
        situation: &Situation,
        wait: Duration,
        duplicate: bool,
        others: &[&mut RunningAttempt],
    ) -> Result<Planned, StoppedBy> {
        let collects = situation.class == Class::InFlight;
        let begins = after(Instant::now(), wait);
        if let Err(decision) = self.admission(collects).ask(begins) {
            return Err(self.refused(decision));
        }
        // After an ending that was free, its place as a duplicate is free too; and it is one of what still runs.
        let (beside, takes_place) = if duplicate {
            (Some(running.attempt()), false)
        } else if running.beside.is_some() {
            (None, true)
        } else {
            (others.last().map(|other| other.attempt()), false)
        };
        let mut planned = Planned {
            wait: Some(wait),
            collects,
            beside: match beside {
                Some(attempt) => Some(attempt.number()),
                None => running.beside.filter(|_| takes_place),
            },
            ..Planned::default()
        };
        let Some(budgets) = &self.budgets else {
            return Ok(planned);
        };
        let mut reservation = MoneyReservation::new(&budgets.spending);
        if let Some(beside) = beside {
            let class = if duplicate {
                situation.class
            } else {
                Class::UnknownOutcome
            };
            let probability = beside.exposure(class).probability;
            let waste = situation.price.map(|price| price.at(probability));
            if !reservation.withdraw(waste) {
                self.decided(Decision::NoBudget { waste });
                return Err(StoppedBy::Budget);
            }
        } else if takes_place {
            reservation.take_place_of(running.reservation.as_deref_mut());
        }
        // What it held is free or spent by now; a late one goes on holding it.
        running.settle();
        if reservation.reserve(situation.price).is_err() {
            self.decided(Decision::SpendingCap {
                price: situation.price,
            });
            return Err(StoppedBy::SpendingCap);
        }
        planned.reservation = Some(Box::new(reservation));
        Ok(planned)
    }
}
