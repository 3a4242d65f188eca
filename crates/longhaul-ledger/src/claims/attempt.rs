//! An attempt with what lies beside it: the provider's own log, and the claim that was exported.
//!
//! One row of three tables: the entry, the verdict of a log, the claim that was exported. They are read together, since
//! judging needs all three.

use std::time::SystemTime;

use longhaul::{Money, billing::ClaimRule};

use super::{
    found::LogEntry,
    state::{Answer, ClaimState},
};
use crate::{
    error::LedgerError,
    store::{Fields, Stored, day_micros, ended, money, time_of_day, words},
};

/// Names that the statement gives: the tables have columns of the same names.
pub(super) const LOG_COLUMNS: &str =
    "log_charged, log_currency, log_credited, log_id, log_duration";
pub(super) const CLAIM_COLUMNS: &str =
    "claim_rule, claim_micros, claim_currency, claim_due_at, claim_answer";

/// An attempt of an operation in which something may be owed; most candidates make no claim.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) stored: Stored,
    pub(super) logged: Option<LogEntry>,
    pub(super) claimed: Option<Claimed>,
}

/// A claim that was exported.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) rule: ClaimRule,
    pub(super) amount: Option<Money>,
    pub(super) due_at: SystemTime,
    answer: Option<Answer>,
}

impl Candidate {
    /// It makes no claim, but others of its operation are judged by whether it runs: money that may still bring a
    /// picture is not owed back yet.
    pub(super) const fn running(stored: Stored) -> Self {
        Self {
            stored,
            logged: None,
            claimed: None,
        }
    }

    /// From the columns of an attempt that has ended, of the log and of the claim.
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, LedgerError> {
        Ok(Self {
            stored: ended(fields)?,
            logged: logged(fields)?,
            claimed: Claimed::read(fields)?,
        })
    }
}

/// `None` where no log was read. A verdict that nothing was charged is an entry with an amount of zero.
fn logged(fields: &mut Fields<'_>) -> Result<Option<LogEntry>, LedgerError> {
    fields.columns(LOG_COLUMNS);
    let charged = money(fields)?;
    let (credited, id, duration) = (fields.maybe_number()?, fields.maybe_text()?, fields.span()?);
    Ok(charged.map(|charged| LogEntry {
        id: id.map(str::to_owned),
        charged,
        credited: Money {
            micros: credited.unwrap_or_default(),
            currency: charged.currency,
        },
        duration,
    }))
}

impl Claimed {
    fn read(fields: &mut Fields<'_>) -> Result<Option<Self>, LedgerError> {
        fields.columns(CLAIM_COLUMNS);
        let Some(rule) = fields.maybe_named(words::rule)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            rule,
            amount: money(fields)?,
            due_at: time_of_day(fields.number()?),
            answer: fields.maybe_named(Answer::named)?,
        }))
    }

    /// A log that shows the money counts for more than an answer that somebody wrote down: what was denied by letter
    /// and paid all the same is paid.
    pub(super) fn state(&self, credited: bool, now: SystemTime) -> ClaimState {
        match self.answer {
            _ if credited => ClaimState::Credited,
            Some(Answer::Credited) => ClaimState::Credited,
            Some(Answer::Denied) => ClaimState::Denied,
            None if day_micros(self.due_at) < day_micros(now) => ClaimState::Overdue,
            None => ClaimState::Exported,
        }
    }
}
