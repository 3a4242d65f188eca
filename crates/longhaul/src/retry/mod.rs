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
//! attempt that could not end before the operation's [`Deadline`](crate::Deadline) is not begun. A server
//! that says no (`x-should-retry: false` and its relatives) is obeyed; its yes makes nothing safe that may
//! have been charged. An answer that the server says is still in the making (409,
//! [`Class::InFlight`](crate::Class::InFlight)) is collected with the same key, uncounted; a key that was
//! used up hands on the first failure.
//!
//! | setting | what it does |
//! |---|---|
//! | [`budget`](RetryPolicy::budget) | bounds what duplicates cost, all operations of a layer together |
//! | [`spending_cap`](RetryPolicy::spending_cap) | refuses what might go over a sum, before it is sent |
//! | [`late_results`](RetryPolicy::late_results) | a timed-out attempt goes on beside its successor; the first picture wins |
//! | [`uncut_last_attempt`](RetryPolicy::uncut_last_attempt) | the last attempt runs to the deadline |
//! | [`TimeoutPolicy::after_timeout`](crate::timeout::TimeoutPolicy::after_timeout) | a longer head clock after one that ran out |
//! | [`keys`](RetryPolicy::keys) | the form of the idempotency key, by host |
//! | [`deadline_headers`](RetryPolicy::deadline_headers) | the caller's deadline, from its headers |
//! | [`server_timeout`](RetryPolicy::server_timeout) | on by default, the others off: tells Google's hosts how long the answer is waited for |
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
//! Bounded in money: at most $50 in all, and duplicates for a tenth of what is delivered, $1 at the
//! beginning.
//!
//! ```
//! use longhaul::{Currency, billing::{PriceRow, PriceTable}};
//! use longhaul::retry::{ClassifyingRetryLayer, MoneyBudget, RetryPolicy, SpendingCap};
//!
//! # fn main() -> Result<(), longhaul::ConfigError> {
//! let mut policy = RetryPolicy::default();
//! policy.budget = Some(MoneyBudget::default());
//! policy.spending_cap = Some(SpendingCap::usd_micros(50_000_000));
//! let prices = PriceTable::new(vec![PriceRow::new("*", "gemini-3-pro-image*", "0.24 USD".parse()?)])?;
//! let layer = ClassifyingRetryLayer::new(policy)?.with_prices(prices);
//!
//! // … while it works:
//! let money = layer.spending().unwrap().balance(Currency::USD);
//! println!("{} spent, {} held", money.spent, money.reserved());
//! # Ok(()) }
//! ```
//!
//! A policy is data, and its verdicts can be asked for in a test without any clock or network:
//!
//! ```
//! use longhaul::{Class, End};
//! use longhaul::retry::{Duplicates, RetryPolicy, Situation, StoppedBy, RetryDecision};
//!
//! let mut policy = RetryPolicy::default();
//! policy.duplicates = Duplicates::NEVER;
//! let decision = policy.decision(&Situation::new(End::TimedOut, Class::UnknownOutcome));
//! assert_eq!(decision, RetryDecision::Stop(StoppedBy::Duplicates));
//! ```

mod backoff;
mod body;
mod budget;
mod decide;
mod decision;
mod endings;
mod future;
mod key;
mod layer;
mod operation;
mod outer_retry;
mod policy;
mod pushback;
mod running;
mod saved_head;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    backoff::{Backoff, Schedule},
    body::ResponseBody,
    budget::{Balance, MoneyBudget, Spending, SpendingCap},
    decision::{RetryDecision, Situation},
    future::ResponseFuture,
    key::{KeyForm, KeyRow},
    layer::ClassifyingRetryLayer,
    policy::{Duplicates, RetryPolicy},
    service::ClassifyingRetry,
};
pub use crate::attempt::{DeadlineForm, DeadlineHeader};
pub use crate::error::{OuterRetry, RetryReport, StoppedBy};
