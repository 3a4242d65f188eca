//! The one error of all layers: what happened, where, after how long, what it may cost, what to do.
//!
//! An ordinary client says that a connection broke. Whether that costs nothing or 24 cents, and whether to press the button again,
//! is for its user to guess. Here every failure has an [`ErrorKind`], what happened; a [`Class`], what that means for money; a
//! [`Diagnosis`], why it came and what to do; and, above a retry layer, the [`RetryReport`] of all attempts.

pub(crate) mod advice;
mod answer;
mod details;
pub mod diagnosis;
mod failure;
mod guard;
mod kind;
mod retry_report;

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

use http::{Extensions, HeaderValue};

use self::diagnosis::Diagnosis;
pub(crate) use self::{
    answer::class_of_answer,
    failure::{cancelled_class, failure_class},
    guard::AttemptGuard,
    retry_report::ReportParts,
};
pub use self::{
    details::{Clock, ConnectStage, Insecure},
    kind::ErrorKind,
    retry_report::{OuterRetry, RetryReport, StoppedBy},
};
use crate::{
    attempt::Attempt,
    model::{Class, Decision, End, Phase},
};

/// Any error, as services and bodies below ours may have it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why an operation failed.
///
/// All layers and their response bodies return it. An inner error that already is one is passed on, not
/// wrapped again; any other becomes its [`source`](StdError::source).
///
/// ```
/// /// What a person who waits is told.
/// fn tell(error: &longhaul::Error) {
///     eprintln!("{error}");
///     eprintln!("{}: {}", error.class(), error.advice());
///     if let Some(report) = error.report() {
///         eprintln!("after {} attempts, stopped by {:?}", report.attempts().len(), report.stopped_by());
///     }
/// }
/// ```
pub struct Error(Box<ErrorParts>);

struct ErrorParts {
    kind: ErrorKind,
    attempt: Option<Attempt>,
    extensions: Extensions,
    source: Option<BoxError>,
}

impl Error {
    /// An error of this kind, with nothing known of its attempt yet.
    ///
    /// ```
    /// use longhaul::{Class, Error, ErrorKind};
    ///
    /// // A client of one's own, whose peer sent GOAWAY before it read the request.
    /// let error = Error::new(ErrorKind::RefusedByPeer);
    /// assert_eq!(error.class(), Class::Refused);
    /// assert!(error.attempt().is_none(), "the layers add the attempt");
    /// ```
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(ErrorParts {
            kind,
            attempt: None,
            extensions: Extensions::new(),
            source: None,
        }))
    }

    /// No attempt is begun, since it was decided so; the decision is in its extensions.
    pub(crate) fn not_begun(decision: Decision) -> Self {
        let (needed, left, cut) = match decision {
            Decision::RouteCuts {
                needed, left, cut, ..
            } => (needed, left, Some(cut)),
            Decision::NoTime { needed, left } => (needed, left, None),
            _ => (Duration::ZERO, Duration::ZERO, None),
        };
        let mut error = Self::new(ErrorKind::NotBegun { needed, left, cut });
        error.extensions_mut().insert(decision);
        error
    }

    /// The operation's deadline ended an attempt, and no layer below noticed.
    pub(crate) fn deadline_passed(attempt: &Attempt) -> Self {
        let started = attempt.started();
        let deadline = attempt.options().deadline.as_ref();
        let limit = deadline.map(|deadline| deadline.left(started));
        let elapsed = attempt.elapsed();
        Self::new(ErrorKind::Timeout {
            clock: Clock::Operation,
            limit: limit.unwrap_or(elapsed),
            elapsed,
            resolution: None,
        })
        .with_attempt(attempt)
    }

    /// Passes on one of ours; wraps any other as [`ErrorKind::Inner`].
    ///
    /// ```
    /// use longhaul::{Class, Error, ErrorKind};
    ///
    /// let io = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    /// let error = Error::from_inner(io);
    /// assert_eq!(*error.kind(), ErrorKind::Inner);
    /// // Nobody proved that it was not sent.
    /// assert_eq!(error.class(), Class::UnknownOutcome);
    ///
    /// let again = Error::from_inner(Error::new(ErrorKind::NotStarted));
    /// assert_eq!(*again.kind(), ErrorKind::NotStarted, "one of ours is not wrapped");
    /// ```
    pub fn from_inner(error: impl Into<BoxError>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(ours) => *ours,
            Err(other) => Self::new(ErrorKind::Inner).with_source(other),
        }
    }

    /// The same error with what caused it.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use longhaul::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::RequestBody).with_source("the upload form was closed");
    /// assert_eq!(error.source().unwrap().to_string(), "the upload form was closed");
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with its attempt; one that it already has stays.
    #[must_use]
    pub fn with_attempt(mut self, attempt: &Attempt) -> Self {
        self.0.attempt.get_or_insert_with(|| attempt.clone());
        self
    }

    /// The same error with the report of the operation; the outermost one stays.
    #[must_use]
    pub(crate) fn with_report(mut self, report: RetryReport) -> Self {
        self.extensions_mut().insert(report);
        self
    }

    /// What layers say of the operation beside its error, such as a [`RetryReport`]: as in the extensions of a response.
    ///
    /// ```
    /// use longhaul::{Error, ErrorKind};
    ///
    /// /// What a layer of one's own says of a call.
    /// #[derive(Clone, PartialEq, Debug)]
    /// struct Tenant(&'static str);
    ///
    /// let mut error = Error::new(ErrorKind::NotStarted);
    /// error.extensions_mut().insert(Tenant("blue"));
    /// assert_eq!(error.extensions().get(), Some(&Tenant("blue")));
    /// ```
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// The same, to be written.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.0.extensions
    }

    /// What happened, with its numbers.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The attempt that failed, if it got as far as being one.
    ///
    /// `None` of what was refused before there was one, such as a request over the spending cap or one whose own body failed.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.0.attempt.as_ref()
    }

    /// Where the attempt was when it failed.
    pub fn phase(&self) -> Option<Phase> {
        self.0.attempt.as_ref().map(Attempt::phase)
    }

    /// What the failure means: as classified, or as the built-in classifier reads it.
    ///
    /// A wrapped error of a client that proves nothing is [`UnknownOutcome`](Class::UnknownOutcome) as soon as its request may be out.
    pub fn class(&self) -> Class {
        match &self.0.attempt {
            Some(attempt) => attempt
                .class()
                .unwrap_or_else(|| failure_class(self, attempt)),
            None => self.0.kind.class().unwrap_or(Class::UnknownOutcome),
        }
    }

    /// All attempts and waits of the operation, where a retry layer made them.
    ///
    /// ```
    /// use longhaul::{Error, ErrorKind};
    ///
    /// /// For the log: how many attempts there were, and what they may have cost.
    /// fn line(error: &Error) -> String {
    ///     match error.report() {
    ///         Some(report) => format!("{} attempts, at most {:?}", report.attempts().len(), report.possible_cost()),
    ///         None => "no attempt".to_owned(),
    ///     }
    /// }
    /// assert_eq!(line(&Error::new(ErrorKind::NotStarted)), "no attempt");
    /// ```
    pub fn report(&self) -> Option<&RetryReport> {
        self.0.extensions.get()
    }

    /// The idempotency key that was sent: what a provider's support can search for.
    ///
    /// The same on all attempts at one target; `None` where no retry layer made the attempt.
    pub fn idempotency_key(&self) -> Option<&HeaderValue> {
        self.0.attempt.as_ref()?.idempotency_key()
    }

    /// Why it came, what shows that, and what to do about it.
    pub fn diagnosis(&self) -> Diagnosis {
        diagnosis::of_error(self)
    }

    /// What to do about it.
    ///
    /// ```
    /// use longhaul::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Ledger);
    /// assert!(error.advice().starts_with("repair the ledger"));
    /// ```
    pub fn advice(&self) -> Cow<'static, str> {
        self.diagnosis().advice
    }

    /// Whether one of our own clocks ended it.
    pub fn is_timeout(&self) -> bool {
        self.end() == End::TimedOut
    }

    pub(crate) fn end(&self) -> End {
        match self.0.kind {
            ErrorKind::Timeout { .. } => End::TimedOut,
            _ => End::Failed,
        }
    }

    /// The first of the errors that led to this one, itself excepted, that is a `T`.
    pub(crate) fn find_source<T: StdError + 'static>(&self) -> Option<&T> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // “The connection broke” says less than who broke it, and after how long, where that is known.
        let diagnosis = self.diagnosis();
        let explained = diagnosis.explains_cut();
        if explained {
            write!(f, "{diagnosis}")?;
        } else {
            write!(f, "{}", self.0.kind)?;
        }
        if let Some(attempt) = &self.0.attempt {
            let class = self.class();
            write!(
                f,
                " (attempt {}, phase {}",
                attempt.number(),
                attempt.phase()
            )?;
            if !explained {
                write!(f, ", after {:.1} s", attempt.elapsed().as_secs_f64())?;
            }
            let exposure = attempt.exposure(class);
            write!(f, ", {class}); it may have cost {exposure}")?;
        }
        if let Some(report) = self.report()
            && let attempts @ 2.. = report.attempts().len()
            && let Some(cost) = report.possible_cost()
        {
            write!(f, ", all {attempts} attempts together at most {cost}")?;
        }
        if let Some(last) = self.report().and_then(RetryReport::displaced)
            && let Some(class) = last.class()
        {
            write!(f, "; attempt {} ended as {class}", last.number())?;
            if let Some(status) = last.status() {
                write!(f, " ({status})")?;
            }
        }
        write!(f, "; {}", diagnosis.advice)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("attempt", &self.0.attempt)
            .field("report", &self.report())
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}
