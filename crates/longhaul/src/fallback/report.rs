use std::sync::Arc;

use tokio::time::Instant;

use super::target::Dialect;
use crate::{
    error::{Error, RetryReport},
    model::{Class, Workload},
};

/// Who answered, and so made the picture, if there is one. In the response's extensions, while fallback is
/// on.
///
/// ```
/// use longhaul::fallback::AnsweredBy;
///
/// /// Whether a page has to say that another model made the picture.
/// fn is_from_elsewhere<B>(answer: &http::Response<B>) -> bool {
///     answer.extensions().get::<AnsweredBy>().is_some_and(AnsweredBy::is_fallback)
/// }
///
/// assert!(!is_from_elsewhere(&http::Response::new(())), "fallback is off");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AnsweredBy {
    /// The target's name; the provider's, where the request went where it was addressed to.
    pub target: Arc<str>,
    /// 0 for the one that the request is addressed to, 1 for the first target of the policy.
    pub index: usize,
    /// How the target was asked, and so how its answer reads.
    pub dialect: Dialect,
    /// What it was asked for: perhaps another model, or a larger picture, than the caller asked for.
    pub workload: Workload,
}

impl AnsweredBy {
    /// Whether it was another one than the request is addressed to.
    pub const fn is_fallback(&self) -> bool {
        self.index > 0
    }
}

/// Everybody who was asked or passed over, in order. In the response's extensions, or in the error.
///
/// ```
/// use longhaul::fallback::FallbackReport;
///
/// /// One line for each target, for a log.
/// fn lines(report: &FallbackReport) -> Vec<String> {
///     let line = |hop: &longhaul::fallback::TargetAttempt| match &hop.skipped {
///         Some(why) => format!("{} was passed over: {why:?}", hop.target),
///         None => format!("{} was asked: {:?}", hop.target, hop.class),
///     };
///     report.hops().iter().map(line).collect()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct FallbackReport(Arc<(Vec<TargetAttempt>, FallbackStoppedBy)>);

impl Error {
    /// Everybody who was asked, where fallback is on.
    ///
    /// `None` where fallback is off, and where the error came from a layer above it.
    pub fn fallback(&self) -> Option<&FallbackReport> {
        self.extensions().get()
    }
}

impl FallbackReport {
    pub(super) fn new(hops: Vec<TargetAttempt>, stopped_by: FallbackStoppedBy) -> Self {
        Self(Arc::new((hops, stopped_by)))
    }

    /// Every target that came into question, in order.
    ///
    /// A target whose breaker was open can be there twice: passed over, and asked after all where no other one could be.
    pub fn hops(&self) -> &[TargetAttempt] {
        &self.0.0
    }

    /// Why no other target was asked.
    pub fn stopped_by(&self) -> FallbackStoppedBy {
        self.0.1
    }

    /// Targets asked while an attempt at an earlier one may have been running and charged.
    pub fn duplicates(&self) -> usize {
        self.hops().iter().filter(|hop| hop.duplicate).count()
    }
}

/// One target: how it ended there, or why it was passed over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TargetAttempt {
    /// Its name in the policy; the provider's, for the one that the request is addressed to.
    pub target: Arc<str>,
    /// 0 for the one that the request is addressed to, 1 for the first target of the policy.
    pub index: usize,
    /// Why it was not asked; `None` if it was.
    pub skipped: Option<SkipReason>,
    /// What its last answer or error means; `None` while a long answer is still coming.
    pub class: Option<Class>,
    /// Its attempts and waits, where a retry layer made them.
    pub report: Option<RetryReport>,
    /// Whether an attempt at an earlier target may have been running and charged meanwhile.
    pub duplicate: bool,
}

/// Why a target was passed over.
///
/// A target that is passed over costs nothing and takes no time. Where that surprises, it is the policy's row that has to change.
///
/// ```
/// use longhaul::fallback::{FallbackReport, SkipReason};
///
/// /// Targets whose breaker is open: the ones to look at first when pictures come from elsewhere.
/// fn overloaded(report: &FallbackReport) -> Vec<&str> {
///     let open = report.hops().iter().filter(|hop| matches!(hop.skipped, Some(SkipReason::Open(_))));
///     open.map(|hop| &*hop.target).collect()
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SkipReason {
    /// It was overloaded, and is left alone until then; without a moment, until a probe has ended.
    Open(Option<Instant>),
    /// What went wrong before is no reason to ask it.
    Trigger,
    /// It does not make pictures of this resolution.
    Resolution,
    /// It does not make pictures of this shape.
    Ratio,
    /// It does not make so many images at once.
    Images,
    /// It does not take so many reference images.
    References,
    /// The request is in a dialect that cannot be translated for it.
    Dialect,
    /// It cannot be told what stands in this field.
    Field(Box<str>),
    /// The caller's key is not known to be good there.
    Key,
    /// No URL can be made of its own and the request's.
    Url,
    /// The request body is too large to be kept, and streams only once.
    Body,
    /// Its request would be held beside the caller's, and all calls together hold as many bytes as they may
    /// ([`client_replay_limit`](crate::detect::DetectPolicy::client_replay_limit)).
    ReplayLimit,
}

/// Why no other target was asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[non_exhaustive]
pub enum FallbackStoppedBy {
    /// The answer is a good one, or no reason to ask anybody else.
    Class,
    /// An attempt may still be running and charged, and no duplicate is allowed after that.
    Running,
    /// All targets were asked or passed over.
    Targets,
    /// The operation's deadline is over.
    Deadline,
    /// The request body is too large to be kept, and streams only once.
    Body,
}
