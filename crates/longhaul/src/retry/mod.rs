//! `ClassifyingRetry`: one retry loop, by what an ending means.
//!
//! An ordinary retry loop sends a paid request again whenever an error looks transient, and pays twice.
//! This one goes by the [`Class`](crate::Class) of the ending. The default policy is the Nano Banana Pro
//! guide's: three attempts; after a timeout 5·(n+1) s, after any other network error 5 s, at least 15 s
//! after an overload, and never sooner than the server asks; 401 and the other refusals never.
//!
//! Attempts and duplicates are counted apart: a *duplicate* is an attempt made while an earlier one may be
//! running and charged, and [`Duplicates`] bounds them by number and by money. What was never sent costs
//! no money and is no duplicate, but counts as an attempt. All attempts carry one idempotency key. An
//! attempt that could not end before the operation's [`Deadline`](crate::Deadline) is not begun.
//!
//! At the end the caller gets the ending that may have cost most, the later of equals, with the
//! [`RetryReport`] in the response's extensions or in the error. An earlier answer is kept as its head
//! and what [`Classify`](crate::classify::Classify) read of its body; without that layer below, earlier
//! answers are not kept.
//!
//! The request body must be one that can be sent again ([`Replay`](crate::body::Replay));
//! [`DetectWorkload`](crate::detect::DetectWorkload) makes any body so, up to a cap. A body above it is
//! sent once, and the report says so ([`StoppedBy::Body`]).
//!
//! ```
//! use longhaul::retry::ClassifyingRetryLayer;
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) {
//! let client = ClassifyingRetryLayer::default().layer(client);
//! # }
//! ```
//!
//! Customised: five attempts with exponential waits, and never pay twice.
//!
//! ```
//! use std::time::Duration;
//! use longhaul::retry::{Backoff, ClassifyingRetryLayer, Duplicates, RetryPolicy};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let mut policy = RetryPolicy::default();
//! policy.attempts = 5;
//! policy.schedule.after_error = Backoff::Exponential(Duration::from_secs(2));
//! policy.duplicates = Duplicates::NEVER;
//! let layer = ClassifyingRetryLayer::new(policy)?;
//! # Ok(()) }
//! ```
//!
//! A policy is data, and its verdicts can be asked for in a test without any clock or network:
//!
//! ```
//! use longhaul::{Class, End};
//! use longhaul::retry::{Duplicates, RetryPolicy, Situation, StoppedBy, Verdict};
//!
//! let mut policy = RetryPolicy::default();
//! policy.duplicates = Duplicates::NEVER;
//! let verdict = policy.verdict(&Situation::new(End::TimedOut, Class::UnknownOutcome));
//! assert_eq!(verdict, Verdict::Stop(StoppedBy::Duplicates));
//! ```

mod backoff;
mod body;
mod future;
mod layer;
mod operation;
mod policy;
mod report;
mod service;
#[cfg(test)]
mod tests;
mod verdict;

pub use self::{
    backoff::{Backoff, Schedule},
    body::ResponseBody,
    future::ResponseFuture,
    layer::ClassifyingRetryLayer,
    policy::{Duplicates, RetryPolicy},
    report::{RetryReport, StoppedBy},
    service::ClassifyingRetry,
    verdict::{Situation, Verdict},
};
