//! A poll in the trace: a span within that of its attempt.
//!
//! It says which dialect was spoken with which host, and what was told of the task. No key, no URL, no id of the task, and no
//! word of the provider's that its dialect does not know is in it. Without the feature `tracing` there is none.

use std::future::Future;

use http::Uri;
use longhaul::Attempt;

use super::told::Told;

/// The span of one poll.
///
/// Without the feature it is empty, so the poller has no conditions of its own.
pub(super) struct PollSpan {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl PollSpan {
    /// Of a poll at `uri` that begins now, of the task that `attempt` asks after.
    #[cfg(feature = "tracing")]
    pub(super) fn begin(attempt: Option<&Attempt>, dialect: &str, uri: &Uri) -> Self {
        use tracing::field::Empty;

        let make = || {
            tracing::info_span!(
                "poll",
                otel.kind = "client",
                otel.status_code = Empty,
                server.address = uri.host(),
                longhaul.task.dialect = dialect,
                longhaul.task.state = Empty,
            )
        };
        let span = match attempt {
            Some(attempt) => attempt.in_span(make),
            None => make(),
        };
        Self { span }
    }

    #[cfg(not(feature = "tracing"))]
    pub(super) const fn begin(_: Option<&Attempt>, _: &str, _: &Uri) -> Self {
        Self {}
    }

    /// What is done for the poll, within its span.
    #[cfg(feature = "tracing")]
    pub(super) fn around<F: Future>(&self, poll: F) -> impl Future<Output = F::Output> + use<F> {
        tracing::Instrument::instrument(poll, self.span.clone())
    }

    #[cfg(not(feature = "tracing"))]
    pub(super) fn around<F: Future>(&self, poll: F) -> F {
        poll
    }

    /// What the poll told; `None` where it broke, or its answer is too long to be read.
    pub(super) fn tell(&self, told: Option<&Told>) {
        #[cfg(feature = "tracing")]
        {
            self.span.record("longhaul.task.state", told.map(word));
            if told.is_none_or(|told| *told == Told::Nothing) {
                self.span.record("otel.status_code", "ERROR");
            }
        }
        #[cfg(not(feature = "tracing"))]
        let _ = told;
    }
}

/// The provider's own word where the task runs and the dialect knows it.
#[cfg(feature = "tracing")]
fn word(told: &Told) -> &str {
    match told {
        Told::Running { state, known: true } => state,
        Told::Running { known: false, .. } => "undocumented",
        Told::Done => "done",
        Told::Failed => "failed",
        Told::Cancelled => "cancelled",
        Told::CutShort => "cut short",
        Told::Unknown => "not found",
        Told::Unauthorized => "unauthorized",
        Told::Nothing => "nothing",
    }
}
