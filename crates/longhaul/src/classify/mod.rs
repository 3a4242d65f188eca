//! `Classify`: what endings mean.
//!
//! A status is not enough: a 503 may be an overload or an outage, a 504 may come from the model or from a
//! proxy while the model works on, a 200 may hold no picture. This layer judges each attempt in stages,
//! once, and everything above it (retry, ledger, fallback) goes by its [`Class`]:
//!
//! 1. **Error.** No answer: what is proved to have been sent decides between [`Class::NeverSent`],
//!    [`Class::SentPartial`] and [`Class::UnknownOutcome`].
//! 2. **Head.** Of an event stream that is no success the head decides.
//! 3. **Body**, up to 64 KiB, whitespace not counted. An answer that ends within it is inspected whole
//!    before the caller sees its head. Of a longer one that is no success, the beginning is.
//! 4. **Held.** An answer to a recognised image call is read until it is whole, up to
//!    [`hold_limit`](ClassifyPolicy::hold_limit), so that one that breaks off can be asked for again. It goes on in the
//!    frames in which it came, with the length that they have.
//! 5. **In passing.** Streams, what is no image call, and what there is no memory for are handed on at once. What they
//!    say is noted as it goes by ([`AnswerFacts`]), so that at the end they are judged as a short answer is: a picture, a
//!    refusal, an error in a 200. With brackets open they end in an error.
//!
//! An answer is **whole** when its document is: closed JSON that says how the call ended, `[DONE]`, the last event of a
//! stream. Whether its connection then ends, breaks or stays open changes nothing; it is read on for a second at most.
//! Of a picture's file whose connection broke, the end that its own format marks decides. Where no document is known,
//! the connection does. Recognised image calls ask for an answer that is not compressed
//! ([`ask_identity`](ClassifyPolicy::ask_identity)); what is compressed all the same is `Delivered` with a probability of
//! 0.9, since its content was not read.
//!
//! A refusal is free where the provider's own error object says it, or where it comes within ten seconds. Inside a 200
//! nothing is free unless the answer says so.
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
//! let layer = ClassifyLayer::new(ClassifyPolicy::default())?.with_classifier(Relay);
//! # Ok(()) }
//! ```

mod answer;
mod body;
mod builtin;
mod classifier;
mod context;
mod future;
mod layer;
mod peek;
mod peeked_body;
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
