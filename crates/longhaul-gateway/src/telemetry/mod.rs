//! What the gateway tells of itself: spans and metrics by OpenTelemetry's GenAI names, and one line of log for each answer.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `gen_ai.client.operation.duration` | histogram, seconds, to 900 | operation, provider, model, upstream, `error.type` |
//! | `gen_ai.client.token.usage` | histogram, tokens | operation, provider, model, upstream, `gen_ai.token.type`: `input`, `output`; where an answer counts them |
//! | `longhaul.operations` | counter | upstream, caller, class |
//! | `longhaul.attempts`, `.attempt.duration`, `.decisions` | see [`longhaul::observe::metered`] | upstream, and their own |
//! | `longhaul.cost.micros` | counter, millionths of the currency | upstream, caller, currency, kind: `certain`, `possible` |
//! | `longhaul.exposure.micros` | gauge, millionths of the currency | upstream, currency: the most that operations which run may have cost by now |
//! | `longhaul.exposure.unpriced` | gauge | upstream: attempts of theirs that may be charged and have no price row |
//! | `longhaul.tasks.open` | gauge | state: `polled` by a call that runs here, or `left` in the ledger by one that ended or whose process is gone; all gateways of a fleet see the same `left` |
//! | `longhaul.replays` | counter | how: `attached`, `kept`, `refused` |
//! | `longhaul.heartbeat.bytes` | counter | |
//! | `longhaul.in_flight`, `longhaul.turns` | gauges | upstream; taken or waiting |
//! | `longhaul.operations.running`, `.detached` | gauges | all; those without a caller |
//!
//! Models are named by callers; of them only the first 100 become labels, the rest is `other`. No prompt, no key and no
//! idempotency key is in any of them.
//!
//! An operation is a span of the kind `client`, called `image_generation gpt-image-2`, with the convention's `gen_ai.*`
//! attributes; each attempt is one within it. It is part of its caller's trace where the request has a `traceparent`.
//!
//! With the feature `otlp` both go to a collector by `http/protobuf`, as the usual variables say:
//! `OTEL_EXPORTER_OTLP_ENDPOINT` and what belongs to it, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
//! `OTEL_TRACES_SAMPLER`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_SDK_DISABLED`. Without an endpoint nothing is sent.

mod history;
mod in_flight;
mod names;
mod operation;
#[cfg(feature = "otlp")]
mod otlp;
mod recorder;

pub use self::{
    history::{EndedCall, History, RequestedCall, RunningCall},
    recorder::{LogForm, Recorder},
};
pub(crate) use self::{
    in_flight::{InFlightGauges, open_tasks},
    operation::{Measured, not_begun},
};
