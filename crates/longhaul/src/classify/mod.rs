//! `Classify`: what endings mean.
//!
//! A status is not enough: a 503 may be an overload or an outage, a 504 may come from the model or from a
//! proxy while the model works on, a 200 may hold no picture. This layer judges each attempt in stages,
//! once, and everything above it (retry, ledger, fallback) goes by its [`Class`]:
//!
//! 1. **Error.** No answer: what is proved to have been sent decides between [`Class::NeverSent`],
//!    [`Class::SentPartial`] and [`Class::UnknownOutcome`].
//! 2. **Head.** A compressed body and an event stream are not opened: the head decides.
//! 3. **Body**, up to 64 KiB, whitespace not counted. An answer that ends within it is inspected whole
//!    before the caller sees its head. Of a longer one that is no success, the beginning is.
//! 4. **In passing.** A longer success, and an event stream, is handed on at once, never held. What it says
//!    is noted as it goes by ([`AnswerFacts`]), so that at its last byte it is judged as a short one is:
//!    a picture, a refusal, an error in a 200. With brackets open it ends in an error.
//!
//! The words, codes and pages that it knows stand in two tables beside the code, each row with its source:
//! `words.txt` (codes before types before details before messages) and `pages.txt` (whoever on the way
//! answers instead of the provider).
//!
//! ```
//! use longhaul::classify::ClassifyLayer;
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) {
//! let client = ClassifyLayer::default().layer(client);
//! # }
//! ```
//!
//! Customised: a relay that says 418 for “try later”.
//!
//! ```
//! use longhaul::{Class, classify::{
//!     AnswerFacts, ClassifyLayer, ClassifyPolicy, Classifier, DefaultClassifier, Head, Classification,
//! }};
//!
//! #[derive(Clone)]
//! struct Relay;
//!
//! impl Classifier for Relay {
//!     fn body(&self, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
//!         match head.status.as_u16() {
//!             418 => Classification::of(Class::Overloaded),
//!             _ => DefaultClassifier.body(head, body, facts),
//!         }
//!     }
//! }
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let layer = ClassifyLayer::with_classifier(ClassifyPolicy::default(), Relay)?;
//! # Ok(()) }
//! ```

mod answer;
mod body;
mod builtin;
mod classifier;
mod future;
mod layer;
mod peek;
mod policy;
mod recognise;
mod service;
#[cfg(test)]
mod tests;
mod wait;

pub use self::{
    answer::{AnswerFacts, BodyKind, ProviderError},
    body::ResponseBody,
    classifier::{Classifier, DefaultClassifier, EndOfStream, Head, HeadDecision},
    future::ResponseFuture,
    layer::ClassifyLayer,
    policy::ClassifyPolicy,
    service::Classify,
};
pub use crate::model::{Class, Classification, Evidence, Probability, RequestId, RequestIds};
