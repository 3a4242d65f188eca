//! Attempts as spans, and what else happens as events, by the names of OpenTelemetry's conventions where it has one.
//!
//! The span is made at the attempt's beginning and closed by its end, wherever that comes: in a body that another task reads,
//! or in a destructor. So it is held by the attempt, and not entered across an `await`.

use tracing::field::Empty;

use super::Event;
use crate::{
    attempt::Attempt,
    model::{Class, Money, Outcome},
};

pub(super) fn tell(event: &Event<'_>) {
    match event {
        Event::Started { attempt } => {
            tracing::debug!(
                operation = %attempt.operation(),
                attempt = attempt.number(),
                "attempt begins"
            );
            span(attempt);
        }
        Event::QueueTimeout { attempt } => tracing::debug!(
            operation = attempt.map(|attempt| attempt.operation().to_string()),
            attempt = attempt.map(Attempt::number),
            "all places in flight are taken"
        ),
        Event::Late { attempt } => tracing::warn!(
            operation = %attempt.operation(),
            attempt = attempt.number(),
            elapsed = ?attempt.elapsed(),
            "attempt is late, and goes on"
        ),
        Event::Waiting {
            attempt,
            class,
            wait,
            retry_after,
        } => tracing::warn!(
            operation = %attempt.operation(),
            attempt = attempt.number(),
            %class,
            phase = %attempt.phase(),
            elapsed = ?attempt.elapsed(),
            ?wait,
            ?retry_after,
            "attempt failed; another will be made"
        ),
        Event::FallingBack {
            class,
            from,
            to,
            duplicate,
        } => tracing::warn!(%class, from, to, duplicate, "another target is asked"),
        Event::Decided {
            operation,
            decision,
        } => tracing::info!(%operation, decision = decision.name(), "{decision}"),
        Event::Settled { attempt } => tracing::debug!(
            operation = %attempt.operation(),
            attempts = attempt.number(),
            class = ?attempt.class(),
            "operation settled"
        ),
    }
}

/// A span from here to the attempt's end, within the one that is entered now. No URL, no key and no text of a request is
/// in it.
fn span(attempt: &Attempt) {
    let span = tracing::info_span!(
        "attempt",
        otel.kind = "client",
        otel.status_code = Empty,
        longhaul.operation = %attempt.operation(),
        longhaul.attempt = attempt.number(),
        http.request.resend_count = attempt.number().checked_sub(1).filter(|resends| *resends > 0),
        server.address = attempt.host().as_deref(),
        http.response.status_code = Empty,
        error.type = Empty,
        longhaul.class = Empty,
        longhaul.phase = Empty,
        longhaul.end = Empty,
        longhaul.cost.certain = Empty,
        longhaul.cost.possible = Empty,
        longhaul.cost.currency = Empty,
    );
    if !span.is_disabled() {
        attempt.begin_span(span);
        attempt.on_end(|attempt, outcome| {
            if let Some(span) = attempt.end_span() {
                record(&span, attempt, outcome);
            }
        });
    }
}

fn record(span: &tracing::Span, attempt: &Attempt, outcome: &Outcome) {
    span.record("longhaul.class", outcome.class.name());
    span.record("longhaul.phase", outcome.phase.name());
    span.record("longhaul.end", outcome.end.name());
    if let Some(status) = attempt.status() {
        span.record("http.response.status_code", status.as_u16());
    }
    if outcome.class != Class::Delivered {
        span.record("error.type", outcome.class.name());
        span.record("otel.status_code", "ERROR");
    }
    let (certain, possible) = (outcome.exposure.certain(), outcome.exposure.possible());
    for (name, amount) in [
        ("longhaul.cost.certain", certain),
        ("longhaul.cost.possible", possible),
    ] {
        if let Some(amount) = amount {
            span.record(name, whole(amount));
        }
    }
    if let Some(amount) = possible {
        span.record("longhaul.cost.currency", amount.currency.as_str());
    }
}

/// In whole units of the currency.
#[allow(clippy::cast_precision_loss)]
fn whole(amount: Money) -> f64 {
    amount.micros as f64 / 1e6
}
