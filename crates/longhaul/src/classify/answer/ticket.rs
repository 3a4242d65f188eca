//! Whether an answer is a ticket for work that was taken on.

use super::wording::{goes_on, means_success};

/// What an answer says of a task.
#[derive(Debug, Default)]
pub(super) struct TaskTicket {
    /// It has an id that may be one to collect the work by, as every answer may have.
    pub(super) id: bool,
    /// It has one that is.
    pub(super) task_id: bool,
    goes_on: bool,
    ended: bool,
}

impl TaskTicket {
    /// The state of the task.
    pub(super) fn task_status(&mut self, status: &str) {
        self.goes_on |= goes_on(status);
        self.ended |= !goes_on(status);
    }

    /// The state of the task, or whether the call was a success.
    pub(super) fn status(&mut self, status: &str) {
        self.goes_on |= goes_on(status);
        self.ended |= !(goes_on(status) || means_success(status));
    }

    /// Whether work was taken on: it is named, and goes on or is not said to have ended.
    pub(super) const fn is_one(&self) -> bool {
        (self.id || self.task_id) && self.goes_on || self.task_id && !self.ended
    }
}
