//! `ClassifyingRetry`: one retry loop, by what an ending means.
//!
//! An ordinary retry loop sends a paid request again whenever an error looks transient, and pays twice.
//! This one goes by the [`Class`](crate::Class) of the ending. The default policy is the Nano Banana Pro
//! guide's: three attempts that may be charged; after a timeout 5·(n+1) s, after any other network error
//! 5 s; overloads are waited through, and never for less than the server asks; 401 and the other refusals
//! stop.
//!
//! **What decides how often.** An attempt costs money or it does not. What ended free of charge is not
//! counted: a refusal (overload, outage, rate limit) is asked again after 15, 30, 60 s until the deadline
//! ([`free_until`](RetryPolicy::free_until)), what was never sent is tried six times
//! ([`unsent_attempts`](RetryPolicy::unsent_attempts)). What may be charged
//! is counted, at all targets together, up to [`paid_attempts`](RetryPolicy::paid_attempts): 3, and 6 on a
//! route that is known to cut silent connections. And every attempt, the first among them, must be worth
//! its price: it is begun only where its chance of bringing a picture × [`worth`](RetryPolicy::worth) is
//! at least 1, the chance being that the picture is done in the time that is left and before the route
//! cuts. So `paid_attempts = 1` never pays twice, `worth = inf` counts attempts alone, and bounds in money
//! stand above both. A *duplicate* is an attempt made while an earlier one may be running and charged.
//!
//! **Late is not dead.** At the limit of its size an attempt is late: it goes on, and its picture is still
//! taken. Another is made beside it once its request has been out for the
//! [longest silence](RetryPolicy::longest_silence), or when it has ended; whichever brings the picture
//! first wins, and the others are dropped as [`Superseded`](crate::End::Superseded). When a late one ends,
//! what was planned beside it is planned anew.
//!
//! All attempts carry one idempotency key. A server that says no (`x-should-retry: false` and its
//! relatives) is obeyed; its yes makes nothing safe that may have been charged. An answer that the server
//! says is still in the making (409, [`Class::InFlight`](crate::Class::InFlight)) is collected with the
//! same key, uncounted; a key that was used up hands on the first failure. An answer without a picture
//! that says nothing else either is asked for once more, as a duplicate.
//!
//! | setting | what it does |
//! |---|---|
//! | [`budget`](RetryPolicy::budget) | bounds what duplicates cost, all operations of a layer together |
//! | [`spending_cap`](RetryPolicy::spending_cap) | refuses what might go over a sum, before it is sent |
//! | [`TimeoutPolicy::at_limit`](crate::timeout::TimeoutPolicy::at_limit) | `"end"`: an attempt ends at its limit, as in the guide |
//! | [`TimeoutPolicy::after_timeout`](crate::timeout::TimeoutPolicy::after_timeout) | a longer limit after one that ran out |
//! | [`keys`](RetryPolicy::keys) | the form of the idempotency key, by host |
//! | [`server_timeout`](RetryPolicy::server_timeout) | on by default, the others off: tells Google's hosts how long the answer is waited for |
//!
//! At the end the caller gets, of the endings that may be charged, the one that may have cost most, the later
//! of equals; else the last; with the
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
//! Customised: never pay twice, and give up an overload after five minutes.
//!
//! ```
//! use std::time::Duration;
//! use longhaul::retry::{ClassifyingRetryLayer, RetryPolicy};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let mut policy = RetryPolicy::default();
//! policy.paid_attempts = 1;
//! policy.free_until = Some(Duration::from_secs(300));
//! let layer = ClassifyingRetryLayer::new(policy)?;
//! # Ok(()) }
//! ```
//!
//! Bounded in money: at most $50 in all, and duplicates for a tenth of what is delivered, $1 at the
//! beginning.
//!
//! ```
//! use longhaul::{Currency, billing::{PriceRow, PriceTable}};
//! use longhaul::retry::{ClassifyingRetryLayer, MoneyBudget, RetryPolicy};
//!
//! # fn main() -> Result<(), longhaul::ConfigError> {
//! let mut policy = RetryPolicy::default();
//! policy.budget = Some(MoneyBudget::default());
//! policy.spending_cap = Some("50.00 USD".parse()?);
//! let prices = PriceTable::new(vec![PriceRow::new("*", "gemini-3-pro-image*", "0.24 USD".parse()?)])?;
//! let layer = ClassifyingRetryLayer::new(policy)?.with_prices(prices);
//!
//! // … while it works:
//! let money = layer.spending().unwrap().balance(Currency::USD);
//! println!("{} spent, {} held", money.spent, money.reserved());
//! # Ok(()) }
//! ```
//!
//! A policy is data, and its decisions can be asked for in a test without any clock or network:
//!
//! ```
//! use longhaul::{Class, End};
//! use longhaul::retry::{RetryPolicy, Situation, StoppedBy, RetryDecision};
//!
//! let mut policy = RetryPolicy::default();
//! policy.paid_attempts = 1;
//! let decision = policy.decision(&Situation::new(End::TimedOut, Class::UnknownOutcome));
//! assert_eq!(decision, RetryDecision::Stop(StoppedBy::Attempts));
//! ```

mod admit;
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
mod plan;
mod policy;
mod pushback;
mod running;
mod service;
mod settle;
#[cfg(test)]
mod tests;

pub use self::{
    backoff::{Backoff, Schedule},
    body::ResponseBody,
    budget::{Balance, MoneyBudget, Spending},
    decision::{RetryDecision, Situation},
    future::ResponseFuture,
    key::{KeyForm, KeyRow},
    layer::ClassifyingRetryLayer,
    policy::RetryPolicy,
    service::ClassifyingRetry,
};
pub use crate::error::{OuterRetry, RetryReport, StoppedBy};
