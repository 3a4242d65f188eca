//! Whether an attempt may begin: time, route and money.
//!
//! Money is asked last, since it alone is taken by the question: a reservation that is made and then refused by time would
//! have to be given back, and in between another operation would have been refused for it.

use super::{StoppedBy, budget::MoneyReservation, operation::RetryOperation};
use crate::{
    attempt::{Admission, Prospect},
    body::Replay,
    error::{Error, ErrorKind},
    model::{Decision, Exposure},
    observe::Event,
};

impl<B: Replay> RetryOperation<B> {
    /// Whether the first attempt may begin, and holds its money; or says why it must not be sent.
    pub(super) fn admit_first(&mut self) -> Result<(), Error> {
        self.planned = Some(Box::default());
        self.admit_next()?;
        let mut reservation = self
            .budgets
            .as_ref()
            .map(|budgets| MoneyReservation::new(&budgets.spending));
        let exposed = self.elsewhere.as_ref().and_then(|it| it.exposed);
        let is_duplicate = match exposed {
            Some(exposed) => self.admit_beside(exposed, reservation.as_mut()),
            None => Ok(false),
        };
        let money = is_duplicate.and_then(|is_duplicate| {
            let price = self.price();
            if let Some(reservation) = &mut reservation
                && let Err(kind) = reservation.reserve(price)
            {
                self.report.stopped_by = StoppedBy::SpendingCap;
                self.decided(Decision::SpendingCap { price });
                return Err(Error::new(kind));
            }
            Ok(is_duplicate)
        });
        match money {
            Ok(is_duplicate) => {
                if let Some(planned) = &mut self.planned {
                    planned.beside = is_duplicate.then_some(0);
                    planned.reservation = reservation.map(Box::new);
                }
                Ok(())
            }
            Err(error) => {
                self.call_off();
                Err(error)
            }
        }
    }

    /// Whether the first attempt is a duplicate of one at another target. Its number was allowed there,
    /// class by class; its money is bounded as that of every duplicate is.
    ///
    /// The attempt at the other target has ended here and may go on there. Its probability is what this one may waste.
    fn admit_beside(
        &mut self,
        exposed: Exposure,
        reservation: Option<&mut MoneyReservation>,
    ) -> Result<bool, Error> {
        let price = exposed.price.or(self.price());
        if price.is_some_and(|price| price.micros == 0) {
            return Ok(false);
        }
        let waste = price.map(|price| price.at(exposed.probability));
        self.report.stopped_by = if !self.policy.duplicates_reach(self.duplicates(), price) {
            StoppedBy::Duplicates
        } else if reservation.is_some_and(|reservation| !reservation.withdraw(waste)) {
            StoppedBy::Budget
        } else {
            return Ok(true);
        };
        self.decided(Decision::NoBudget { waste });
        Err(Error::new(ErrorKind::Duplicate { waste }))
    }

    /// Whether the planned attempt may begin now, after all waiting; else it is called off.
    pub(super) fn admit_next(&mut self) -> Result<(), Error> {
        let collects = self
            .planned
            .as_ref()
            .is_some_and(|planned| planned.collects);
        let admission = self.admission(collects);
        match admission.begin() {
            Ok(decision) => {
                if let Some(decision) = decision {
                    self.decided(decision);
                }
                if let Some(planned) = &mut self.planned {
                    planned.admission = Some(admission);
                }
                Ok(())
            }
            Err(decision) => {
                self.call_off();
                self.report.stopped_by = self.refused(decision);
                Err(Error::not_begun(decision))
            }
        }
    }

    /// What an attempt is asked by before it begins. One that only collects an answer needs no time of its own.
    pub(super) fn admission(&self, collects: bool) -> Admission {
        let prospect = (!collects).then(|| Prospect {
            history: self.route.history.clone(),
            route: self.route.route.clone(),
            size: self.route.resolution,
            worth: self.worth,
            scale: self.route.scale,
        });
        Admission::new(self.deadline.clone(), prospect)
    }

    /// Writes a decision into the report, and tells the observers.
    pub(super) fn decided(&mut self, decision: Decision) {
        self.report.decisions.push(decision);
        self.tell(&Event::Decided {
            operation: self.id,
            decision: &decision,
        });
    }

    /// The same for one that an attempt must not begin: who stops the retrying.
    pub(super) fn refused(&mut self, decision: Decision) -> StoppedBy {
        self.decided(decision);
        match decision {
            Decision::RouteCuts { .. } => StoppedBy::Route,
            _ => StoppedBy::Deadline,
        }
    }
}
