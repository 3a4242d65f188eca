use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    attempt::Attempt,
    classify::Class,
    diagnosis::{self, Diagnosis},
};

/// Who ended the retrying.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum StoppedBy {
    /// The last answer is what the caller wants.
    #[default]
    Success,
    /// The class is one that sending again does not help.
    Class,
    /// All attempts are used up.
    Attempts,
    /// Sending again might pay twice, and no more of that is allowed.
    Duplicates,
    /// Another attempt could not end before the operation's deadline.
    Deadline,
    /// The server asked for a wait longer than the policy grants.
    ToldWait,
    /// The request body is too large to be kept, and streams only once.
    Body,
}

/// All attempts and waits of one operation.
///
/// In the response's extensions, or in the error. The last attempt of a response may still be running:
/// its outcome comes with the last byte of the body.
#[derive(Clone, Debug)]
pub struct RetryReport(Arc<Repr>);

#[derive(Debug, Default)]
pub(super) struct Repr {
    pub(super) attempts: Vec<Attempt>,
    pub(super) waits: Vec<Duration>,
    pub(super) duplicates: u32,
    pub(super) stopped_by: StoppedBy,
    pub(super) retry_at: Option<Instant>,
}

impl RetryReport {
    pub(super) fn new(repr: Repr) -> Self {
        Self(Arc::new(repr))
    }

    /// Every attempt, in order; the last may still be running.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// The class of each attempt, `None` for one that is still running.
    pub fn classes(&self) -> impl Iterator<Item = Option<Class>> + '_ {
        self.0.attempts.iter().map(Attempt::class)
    }

    /// The waits between attempts, in order.
    pub fn waits(&self) -> &[Duration] {
        &self.0.waits
    }

    /// Attempts made while an earlier one may have been running and charged.
    pub fn duplicates(&self) -> u32 {
        self.0.duplicates
    }

    /// How often the wait for a place in flight ran out and was begun anew.
    pub fn waits_for_place(&self) -> u32 {
        self.0.attempts.iter().map(Attempt::waits_for_place).sum()
    }

    /// Why its attempts ended as they did, taken together; `None` where all is well, or still runs.
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        diagnosis::of_attempts(&self.0.attempts)
    }

    /// Who ended the retrying.
    pub fn stopped_by(&self) -> StoppedBy {
        self.0.stopped_by
    }

    /// When the server allows another try, where that was too late for the policy.
    pub fn retry_at(&self) -> Option<Instant> {
        self.0.retry_at
    }
}
