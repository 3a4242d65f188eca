//! What the retry layer lays down for an attempt before it begins. Nothing here changes afterwards: what is learned while the
//! attempt runs is written into its facts.

use super::{Admission, OperationDeadline};

/// What the retry layer lays down for an attempt, beside its number: read by the layers below.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttemptOptions {
    /// The operation's deadline.
    ///
    /// `None` where no retry layer made the attempt: the caller's own deadline then stands in the request's extensions.
    pub(crate) deadline: Option<OperationDeadline>,
    /// Asked before the first byte.
    ///
    /// `None` likewise; the layer that holds permits then asks about the caller's deadline alone.
    pub(crate) admission: Option<Admission>,
    /// The clocks by size of the operation that ran out before this attempt: see
    /// [`TimeoutPolicy::after_timeout`](crate::timeout::TimeoutPolicy::after_timeout).
    pub(crate) head_expiries: u32,
    /// It goes on at its limit, and is marked as [late](super::Attempt::is_late), where the limits do not say otherwise:
    /// the layer that made it looks after late ones.
    pub(crate) keep_late: bool,
    /// Google's hosts are told how long the answer is waited for.
    pub(crate) tell_server: bool,
}
