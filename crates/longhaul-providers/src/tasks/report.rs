//! How an answer was collected, told with the answer.

use super::TaskHandle;

/// How an answer was collected: in the extensions of the response.
///
/// ```
/// use longhaul_providers::tasks::TaskReport;
///
/// /// The provider's own name for the picture, for its support.
/// fn task_id<B>(answer: &http::Response<B>) -> Option<&str> {
///     let report = answer.extensions().get::<TaskReport>()?;
///     Some(&report.handle.id)
/// }
/// ```
///
/// An answer that passed as a unary call has none.
///
/// ```
/// use std::time::Duration;
/// use longhaul_providers::tasks::TaskReport;
///
/// /// What an operator wants to see: a dialect that is out of date, or a ledger that does not keep up.
/// fn is_odd(report: &TaskReport) -> bool {
///     !report.unknown_states.is_empty() || report.foreign_url || !report.durable
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TaskReport {
    /// The task.
    ///
    /// Its id also stands in the answer's header `x-longhaul-task`.
    pub handle: TaskHandle,
    /// How often it was asked after, by this call.
    ///
    /// The fetching of a result counts as one.
    pub polls: u32,
    /// Polls among them that failed, and said nothing of the task.
    ///
    /// A network error, a status that means nothing, or a body that is no document.
    pub failed_polls: u32,
    /// States that the dialect does not know, at most four: taken as not ended.
    ///
    /// Each is cut after 64 letters. They say that the provider has changed, and that the row of the dialect wants a
    /// look.
    pub unknown_states: Vec<Box<str>>,
    /// An earlier call submitted it; this one only collected.
    pub resumed: bool,
    /// The handle is durable, or nobody keeps it; where it could not be written down, a crash loses the task.
    pub durable: bool,
    /// The answer named a poll URL at a host that gets no key; the dialect's own was used.
    ///
    /// A relay that names the address of its own inner server does so; nothing is wrong while the rule works.
    pub foreign_url: bool,
}

impl TaskReport {
    pub(super) const fn new(handle: TaskHandle) -> Self {
        Self {
            handle,
            polls: 0,
            failed_polls: 0,
            unknown_states: Vec::new(),
            resumed: false,
            durable: true,
            foreign_url: false,
        }
    }

    /// Notes a state that the dialect does not know, once each. With the feature `tracing` each is a warning.
    pub(super) fn unknown(&mut self, state: &str) {
        let short: Box<str> = state.chars().take(64).collect();
        if self.unknown_states.len() < 4 && !self.unknown_states.contains(&short) {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                dialect = &*self.handle.dialect,
                state = &*short,
                "a task is in a state that its dialect does not know, and counts as not ended"
            );
            self.unknown_states.push(short);
        }
    }
}
