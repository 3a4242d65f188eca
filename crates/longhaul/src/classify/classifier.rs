//! The one place where what a provider says is turned into a class. A classifier sees facts, never a clock or a queue, and
//! its answer is kept: the first class that is written to an attempt stays.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::AnswerFacts;
use crate::{attempt::Attempt, error::Error, model::Workload};
use crate::{
    error::failure_class,
    model::{Class, Classification},
};

/// The head of an answer, and what was asked for.
///
/// Public, so that a classifier can be tested without a service:
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use longhaul::{Class, Workload};
/// use longhaul::classify::{AnswerFacts, Classifier, DefaultClassifier, Head};
///
/// let (headers, workload) = (HeaderMap::new(), Workload::default());
/// let head = Head::new(StatusCode::TOO_MANY_REQUESTS, &headers, &workload);
/// let body = br#"{"error": {"code": "insufficient_quota"}}"#;
/// let facts = AnswerFacts::read(&headers, body, true);
/// assert_eq!(DefaultClassifier.body(&head, body, &facts).class, Class::QuotaExhausted);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Head<'a> {
    /// The status, as it came: also one that a proxy on the way has set.
    pub status: StatusCode,
    /// The headers, as they came.
    pub headers: &'a HeaderMap,
    /// What the request asked for; everything unknown where no detector stands above.
    pub workload: &'a Workload,
    /// From the request that was out whole to this head, on the provider's clock; `None` where it is not known.
    pub waited: Option<Duration>,
}

impl<'a> Head<'a> {
    /// An answer with this head to a request for `workload`.
    pub const fn new(status: StatusCode, headers: &'a HeaderMap, workload: &'a Workload) -> Self {
        Self {
            status,
            headers,
            workload,
            waited: None,
        }
    }

    /// The same head, which came so long after the request.
    #[must_use]
    pub const fn with_waited(mut self, waited: Option<Duration>) -> Self {
        self.waited = waited;
        self
    }
}

/// What a head says of its body.
///
/// What a head alone cannot tell costs time or memory, so that a classifier says which of the two it wants.
///
/// ```
/// use longhaul::classify::{Classifier, DefaultClassifier, Head, HeadDecision};
///
/// /// The page that comes with this relay's 413 is long and says nothing.
/// struct Relay;
///
/// impl Classifier for Relay {
///     fn head(&self, head: &Head<'_>) -> HeadDecision {
///         match head.status.as_u16() {
///             413 => HeadDecision::Classified(longhaul::classify::Classification::of(longhaul::Class::ClientError)),
///             _ => DefaultClassifier.head(head),
///         }
///     }
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HeadDecision {
    /// The head says it all; the body is not read for it.
    Classified(Classification),
    /// Show me the body, as far as the peek limit reaches.
    ReadBody,
    /// Do not hold the body up; tell me when it has passed.
    Stream,
}

/// A body that has passed to its good end without being held.
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use longhaul::{Class, Workload};
/// use longhaul::classify::{AnswerFacts, Classifier, DefaultClassifier, EndOfStream};
///
/// let workload = Workload::default();
/// let facts = AnswerFacts::read(&HeaderMap::new(), b"data: [DONE]\n\n", true);
/// let end = EndOfStream::new(StatusCode::OK, &workload, &facts);
/// assert_eq!(DefaultClassifier.passed(&end).class, Class::Delivered);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EndOfStream<'a> {
    /// The status it came with.
    pub status: StatusCode,
    /// What the request asked for.
    pub workload: &'a Workload,
    /// What was seen of it.
    pub facts: &'a AnswerFacts,
    /// From the request that was out whole to the head, on the provider's clock; `None` where it is not known.
    pub waited: Option<Duration>,
}

impl<'a> EndOfStream<'a> {
    /// An answer of that status to that request, of which so much was seen.
    pub const fn new(status: StatusCode, workload: &'a Workload, facts: &'a AnswerFacts) -> Self {
        Self {
            status,
            workload,
            facts,
            waited: None,
        }
    }

    /// The same end of an answer whose head came so long after the request.
    #[must_use]
    pub const fn with_waited(mut self, waited: Option<Duration>) -> Self {
        self.waited = waited;
        self
    }
}

/// Says what endings mean, in stages: error → head → bounded body → in passing.
///
/// Every method has a default, the built-in rules; a classifier of one's own changes what it knows better.
/// `&C` and `Arc<C>` are classifiers too.
///
/// ```
/// use longhaul::{Class, classify::{AnswerFacts, Classification, Classifier, DefaultClassifier, Head}};
///
/// /// A relay that says 200 `{"code": "busy"}` where others say 503.
/// struct Relay;
///
/// impl Classifier for Relay {
///     fn body(&self, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
///         if body.starts_with(br#"{"code": "busy""#) {
///             return Classification::of(Class::Overloaded);
///         }
///         DefaultClassifier.body(head, body, facts)
///     }
/// }
/// ```
pub trait Classifier {
    /// An attempt ended without an answer, or its answer broke off.
    ///
    /// By default the class follows from what is proved to have been sent.
    ///
    /// ```
    /// use longhaul::{Attempt, Class, Error, ErrorKind, classify::{Classifier, DefaultClassifier}};
    ///
    /// /// A relay that reads requests whole before it begins: what breaks off at once was not begun.
    /// struct Relay;
    ///
    /// impl Classifier for Relay {
    ///     fn error(&self, error: &Error, attempt: &Attempt) -> Class {
    ///         let at_once = attempt.elapsed().as_millis() < 50;
    ///         match error.kind() {
    ///             ErrorKind::Disconnected if at_once => Class::Refused,
    ///             _ => DefaultClassifier.error(error, attempt),
    ///         }
    ///     }
    /// }
    /// ```
    fn error(&self, error: &Error, attempt: &Attempt) -> Class {
        failure_class(error, attempt)
    }

    /// The head is here.
    fn head(&self, head: &Head<'_>) -> HeadDecision {
        super::builtin::head(head)
    }

    /// The body is here: [whole](AnswerFacts::whole), or what fits into the peek limit of an answer that is
    /// no success.
    ///
    /// A success that is longer than the limit is not shown here but [passes](Self::passed), held or not.
    fn body(&self, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
        super::builtin::body(head, body, facts)
    }

    /// A success has come to its end, or its document has; where it was JSON, it was complete.
    fn passed(&self, passed: &EndOfStream<'_>) -> Classification {
        super::builtin::passed(passed)
    }
}

/// The built-in rules: plain HTTP, the providers' overload and quota errors, and proof of what was sent.
///
/// A classifier of one's own hands on to it what it does not know better: see [`Classifier`].
///
/// Its words and pages are data of this crate, each with the source that it is from; a new release may know more of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DefaultClassifier;

impl Classifier for DefaultClassifier {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<C: Classifier + ?Sized> Classifier for $pointer {
            fn error(&self, error: &Error, attempt: &Attempt) -> Class {
                (**self).error(error, attempt)
            }

            fn head(&self, head: &Head<'_>) -> HeadDecision {
                (**self).head(head)
            }

            fn body(&self, head: &Head<'_>, body: &[u8], facts: &AnswerFacts) -> Classification {
                (**self).body(head, body, facts)
            }

            fn passed(&self, passed: &EndOfStream<'_>) -> Classification {
                (**self).passed(passed)
            }
        }
    )*};
}

forward!(&C, std::sync::Arc<C>);
