//! The events of an operation, for `tracing`.

use crate::observe::Event;

pub(super) fn event(event: &Event<'_>) {
    match event {
        Event::Started { attempt } => tracing::debug!(
            operation = %attempt.operation(),
            attempt = attempt.number(),
            "attempt begins"
        ),
        Event::NoPlace { attempt } => tracing::debug!(
            operation = %attempt.operation(),
            attempt = attempt.number(),
            "all places in flight are taken"
        ),
        Event::Waiting {
            attempt,
            class,
            wait,
            told,
        } => tracing::warn!(
            operation = %attempt.operation(),
            attempt = attempt.number(),
            %class,
            phase = %attempt.phase(),
            elapsed = ?attempt.elapsed(),
            ?wait,
            ?told,
            "attempt failed; another will be made"
        ),
        Event::Settled { attempt } => tracing::debug!(
            operation = %attempt.operation(),
            attempts = attempt.number(),
            class = ?attempt.class(),
            "operation settled"
        ),
    }
}
