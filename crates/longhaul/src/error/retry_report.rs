use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::diagnosis::{self, Diagnosis};
use crate::{
    attempt::{Attempt, OperationDeadline},
    model::{Class, Decision, Money},
};

/// Who ended the retrying.
///
/// Each but [`Success`](Self::Success) and [`Class`](Self::Class) is a bound that a policy or a caller has set, and that could be
/// set differently: [`RetryPolicy`](crate::retry::RetryPolicy) has most of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub enum StoppedBy {
    /// The last answer is what the caller wants.
    #[default]
    Success,
    /// The class is one that sending again does not help.
    ///
    /// A wrong key stays wrong: see the [table of classes](Class) for what each default does.
    Class,
    /// As many attempts may be charged as the policy allows.
    ///
    /// See [`paid_attempts`](crate::retry::RetryPolicy::paid_attempts).
    Attempts,
    /// What was never sent was tried often enough.
    ///
    /// See [`unsent_attempts`](crate::retry::RetryPolicy::unsent_attempts). Nothing was paid: look at the network, not at the bill.
    Unsent,
    /// A refusal was waited through for as long as the policy says.
    ///
    /// See [`free_until`](crate::retry::RetryPolicy::free_until).
    FreeUntil,
    /// What was free is not waited for here, since another target is asked.
    OtherTarget,
    /// Sending again might pay twice, and the money that an operation may spend on that does not reach.
    ///
    /// See [`max_duplicate_cost`](crate::retry::RetryPolicy::max_duplicate_cost). Without a known price it never reaches.
    Duplicates,
    /// Sending again might pay twice, and the [`MoneyBudget`](crate::retry::MoneyBudget) does not reach for that.
    Budget,
    /// The next attempt might go over the [spending cap](crate::retry::RetryPolicy::spending_cap).
    SpendingCap,
    /// The server said not to send again, by `x-should-retry: false` or a relative of it.
    Server,
    /// Another attempt could not end before the operation's deadline, or hardly.
    ///
    /// A picture that comes after it would be paid for and thrown away.
    Deadline,
    /// The route cuts too many of such calls before their picture is done.
    ///
    /// See [`worth`](crate::retry::RetryPolicy::worth), and [`Stack::routes`](crate::Stack::routes) for what is known of it.
    Route,
    /// The server asked for a wait longer than the policy grants.
    ///
    /// See [`max_retry_after`](crate::retry::Schedule::max_retry_after); [`retry_at`](RetryReport::retry_at) says when it may be asked.
    RetryAfterTooLong,
    /// The request body is too large to be kept, and streams only once.
    ///
    /// See [`DetectPolicy::replay_limit`](crate::detect::DetectPolicy::replay_limit).
    Body,
    /// The attempt submitted a task that has not ended: it is collected by its handle, not submitted again.
    Task,
}

/// All attempts and waits of one operation.
///
/// In the response's extensions, or in the error. The attempt that brought a response may still be running:
/// its outcome comes with the last byte of the body.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use longhaul::{Class, Stack, StackRequestBody, policy::Policy, retry::{RetryReport, StoppedBy}};
/// use tower::{Layer, ServiceExt, service_fn};
///
/// // A provider that does not know the key: asking again would change nothing.
/// let provider = service_fn(async |_: Request<StackRequestBody<Full<Bytes>>>| {
///     Response::builder().status(401).body(Full::<Bytes>::default())
/// });
/// let client = Stack::new(Policy::nano_banana_pro())?.layer(provider);
/// let request = Request::post("https://api.example.com/v1/images/generations").body(Full::<Bytes>::default())?;
///
/// let answer = client.oneshot(request).await?;
/// let report: &RetryReport = answer.extensions().get().unwrap();
/// assert_eq!(report.attempts().len(), 1);
/// assert_eq!(report.classes().next(), Some(Some(Class::ClientError)));
/// assert_eq!((report.stopped_by(), report.duplicates()), (StoppedBy::Class, 0));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RetryReport {
    repr: ReportParts,
    deadline: Option<OperationDeadline>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ReportParts {
    pub(crate) attempts: SmallVec<[Attempt; 1]>,
    pub(crate) waits: Vec<Duration>,
    pub(crate) duplicates: u32,
    pub(crate) collected: u32,
    pub(crate) outer_retry: Option<OuterRetry>,
    pub(crate) stopped_by: StoppedBy,
    pub(crate) retry_at: Option<Instant>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) displaced: Option<Attempt>,
}

impl RetryReport {
    pub(crate) const fn new(repr: ReportParts, deadline: OperationDeadline) -> Self {
        Self {
            repr,
            deadline: Some(deadline),
        }
    }

    /// Of these attempts, and nothing else: for tests of those who read it.
    #[cfg(test)]
    pub(crate) fn of(attempts: impl IntoIterator<Item = Attempt>) -> Self {
        Self {
            repr: ReportParts {
                attempts: attempts.into_iter().collect(),
                ..ReportParts::default()
            },
            deadline: None,
        }
    }

    /// Every attempt, in order of their beginning; the one whose answer this is may still be running.
    pub fn attempts(&self) -> &[Attempt] {
        &self.repr.attempts
    }

    /// The class of each attempt, `None` for one that is still running.
    ///
    /// ```
    /// use longhaul::{Class, retry::RetryReport};
    ///
    /// /// How often an operation met an overload, for a graph.
    /// fn overloads(report: &RetryReport) -> usize {
    ///     report.classes().filter(|class| *class == Some(Class::Overloaded)).count()
    /// }
    /// ```
    pub fn classes(&self) -> impl Iterator<Item = Option<Class>> + '_ {
        self.repr.attempts.iter().map(Attempt::class)
    }

    /// The waits between attempts, in order.
    ///
    /// As they were planned. The time in the queue for a place in flight is none of them.
    pub fn waits(&self) -> &[Duration] {
        &self.repr.waits
    }

    /// Attempts made while an earlier one may have been running and charged.
    ///
    /// This is the number that a bill is explained with: 0 in nearly every operation, and each one a picture that may have been paid
    /// for twice.
    pub fn duplicates(&self) -> u32 {
        self.repr.duplicates
    }

    /// Attempts made only to collect the answer of an earlier one, which the server said was still
    /// running. They are neither duplicates nor counted against the policy's attempts.
    pub fn collected(&self) -> u32 {
        self.repr.collected
    }

    /// The sign of another retry loop around this one, where there was one.
    ///
    /// ```
    /// use longhaul::retry::RetryReport;
    ///
    /// /// Worth a line in the log of whoever runs the program: its SDK retries too.
    /// fn warning(report: &RetryReport) -> Option<String> {
    ///     report.outer_retry().map(|sign| format!("switch one of the two retry loops off: {sign:?}"))
    /// }
    /// ```
    pub fn outer_retry(&self) -> Option<OuterRetry> {
        self.repr.outer_retry
    }

    /// How often the wait for a place in flight ran out and was begun anew.
    pub fn queue_timeouts(&self) -> u32 {
        self.repr.attempts.iter().map(Attempt::queue_timeouts).sum()
    }

    /// How many attempts' answers were handed on as they came, because there was no memory left to hold them in until
    /// they were whole: see [`ClassifyPolicy::client_hold_limit`](crate::classify::ClassifyPolicy::client_hold_limit).
    pub fn not_held(&self) -> usize {
        let attempts = self.repr.attempts.iter();
        attempts.filter(|attempt| attempt.was_not_held()).count()
    }

    /// When the operation must have ended.
    pub(crate) const fn deadline(&self) -> Option<&OperationDeadline> {
        self.deadline.as_ref()
    }

    /// The most that all attempts together may have cost; `None` where a price is not known, or where they
    /// are in different currencies.
    ///
    /// An attempt that still runs counts in full. For what is certain, sum up the
    /// [outcomes](Attempt::outcome_now) of the [attempts](Self::attempts).
    pub fn possible_cost(&self) -> Option<Money> {
        self.repr
            .attempts
            .iter()
            .map(|attempt| match attempt.outcome_now() {
                Some(outcome) => outcome.exposure.possible(),
                None => attempt.exposure(Class::Delivered).possible(),
            })
            .reduce(|sum, cost| sum?.checked_add(cost?))?
    }

    /// Why its attempts ended as they did, taken together; `None` where all is well, or still runs.
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        diagnosis::of_attempts(&self.repr.attempts)
    }

    /// What was decided beside sending and waiting, with the numbers that it was decided by, in order.
    ///
    /// ```
    /// use longhaul::retry::RetryReport;
    ///
    /// /// One sentence each: why it was late, which cut is known, what was not begun.
    /// fn lines(report: &RetryReport) -> Vec<String> {
    ///     report.decisions().iter().map(ToString::to_string).collect()
    /// }
    /// ```
    pub fn decisions(&self) -> &[Decision] {
        &self.repr.decisions
    }

    /// The last attempt that ended, where the caller gets an earlier one's ending, since that one may have cost more:
    /// its status, class and evidence say what came last.
    pub fn displaced(&self) -> Option<&Attempt> {
        self.repr.displaced.as_ref()
    }

    /// Who ended the retrying.
    ///
    /// Of an error this says why it is one; of an answer that is no picture, why nobody asked again.
    pub fn stopped_by(&self) -> StoppedBy {
        self.repr.stopped_by
    }

    /// When the server allows another try, where that was too late for the policy.
    ///
    /// ```
    /// use longhaul::Error;
    ///
    /// /// The value of a `retry-after` header for callers of one's own service, in seconds.
    /// fn retry_after(error: &Error) -> Option<u64> {
    ///     let at = error.report()?.retry_at()?;
    ///     Some(at.saturating_duration_since(tokio::time::Instant::now()).as_secs())
    /// }
    /// ```
    pub fn retry_at(&self) -> Option<Instant> {
        self.repr.retry_at
    }
}

/// The sign of another retry loop around this one.
///
/// Three attempts inside three attempts are nine paid pictures, and neither loop knows of the other's. The
/// report names the sign; what to do about it is to switch one of the two off.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[non_exhaustive]
pub enum OuterRetry {
    /// The request came with an attempt of another retry layer.
    Attempt,
    /// The request came with this header, which says that it was sent before.
    Header(&'static str),
}
