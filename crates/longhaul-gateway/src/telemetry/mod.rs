//! What the gateway tells of itself: metrics by OpenTelemetry's GenAI names, and one line of log for each answer.
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `gen_ai.client.operation.duration` | histogram, seconds, to 900 | operation, provider, model, upstream, `error.type` |
//! | `longhaul.operations` | counter | upstream, caller, class |
//! | `longhaul.attempts` | counter | upstream, class, phase, end |
//! | `longhaul.cost.micros` | counter, millionths of the currency | upstream, caller, currency, kind: `certain`, `possible` |
//! | `longhaul.decisions` | counter | upstream, decision, reason |
//! | `longhaul.replays` | counter | how: `attached`, `kept`, `refused` |
//! | `longhaul.heartbeat.bytes` | counter | |
//! | `longhaul.in_flight`, `longhaul.turns` | gauges | upstream; taken or waiting |
//! | `longhaul.operations.running` | gauge | |
//!
//! Models are named by callers; of them only the first 100 become labels, the rest is `other`. No prompt, no key and no
//! idempotency key is in any of them.

mod decisions;
mod history;
mod operation;
mod recorder;

pub(crate) use self::{decisions::observer, operation::Measured};
pub use self::{
    history::{Asked, Ended, History, Running},
    recorder::Recorder,
};
