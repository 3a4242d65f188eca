//! From a task that was taken to its end: the polls, and what is done when the caller leaves.
//!
//! Two ways lead here: a task that this call submitted, and one that an earlier call left. Both poll with the same
//! poller. The first also arms what happens when the caller leaves, and waits before its first poll; the second asks at
//! once, since its task is old.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{Method, Response, Uri, request::Parts};
use longhaul::{Error, Resolution, Workload};
use tokio::time::timeout;

use super::{
    TaskReport,
    answer::says_cancelled,
    dialect::Dialect,
    exchange::Running,
    leave::Leave,
    open::{OpenTask, Place},
    poll::{Ended, Poller},
    submit::Taken,
    told::{Told, told},
    wait::Waits,
};
use crate::exchange::{Bytewise, Client, JoinedBody, Read, asked_again, read};

/// What tells that a task is queued is short.
///
/// 256 KiB: a longer answer means that the task is done, and then nothing is cancelled.
const SHORT: usize = 256 * 1024;

impl Running<'_> {
    /// Collects the task that an earlier call submitted. `None` where a new one is to be submitted: the old one was taken
    /// back before it began.
    ///
    /// The earlier attempt's books get the end: the picture was ordered there, and this attempt adds no second order. A
    /// task that ended as cancelled is submitted anew only if we had asked for that; somebody else's cancellation is
    /// told as it is.
    pub(super) async fn resumed<S, B, R>(
        &self,
        client: S,
        head: &Parts,
        task: OpenTask,
        place: Option<&Arc<Place>>,
    ) -> Option<Result<Response<JoinedBody<R>>, Error>>
    where
        S: Client<B, R> + Clone,
        R: Bytewise,
    {
        let submitted_by = task.submitted_by;
        if let (Some(attempt), Some(earlier)) = (&self.attempt, &submitted_by) {
            attempt.resume_task(earlier);
        }
        if let Some(error) = task.unreachable {
            return Some(Err(self.failed(error)));
        }
        // It was made of a URI.
        let uri: Uri = task.handle.poll_url.parse().ok()?;
        let durable = task.durable || self.noted(&task.handle).await;
        let mut report = TaskReport::new(task.handle);
        report.resumed = true;
        report.durable = durable;
        let mut poller = self.poller(client, head, report);
        let ended = poller.until_ended(&uri, Duration::ZERO).await;
        let ended = match self.with_result(&mut poller, ended, None).await {
            Ok(ended) => ended,
            Err(error) => return Some(Err(error)),
        };
        let taken_back = match &ended {
            Ended::Told(Told::Cancelled, ..) => true,
            Ended::Told(Told::Failed, _, body) => says_cancelled(&self.plan.dialect, body),
            _ => false,
        };
        if let Some(place) = place
            && taken_back
            && place.was_cancelled()
        {
            place.set(None);
            if let (Some(attempt), Some(earlier)) = (&self.attempt, &submitted_by) {
                attempt.task_was_taken_back(earlier);
            }
            return None;
        }
        Some(self.ended(poller.report, ended, place))
    }

    /// Polls a task that was taken, and answers with its end.
    ///
    /// The handle is written down before the first poll, and the place of the operation knows that it is. A task that
    /// the submit's answer already tells as ended is not polled at all.
    pub(super) async fn collected<S, B, R>(
        &self,
        client: S,
        head: &Parts,
        taken: Taken,
        place: Option<&Arc<Place>>,
    ) -> Result<Response<JoinedBody<R>>, Error>
    where
        S: Client<B, R> + Clone + Send + 'static,
        S::Future: Send,
        B: Send + 'static,
        R: Bytewise + Send + 'static,
    {
        let mut leave = self.leave::<S, B, R>(&client, head, &taken, place);
        let durable = self.noted(&taken.handle).await;
        if let Some(place) = place {
            place.set(Some(OpenTask {
                handle: taken.handle.clone(),
                submitted_by: self.attempt.clone(),
                durable,
                unreachable: None,
            }));
        }
        let mut report = TaskReport::new(taken.handle);
        report.foreign_url = taken.foreign;
        report.durable = durable;
        let mut poller = self.poller(client, head, report);
        let ended = match taken.told {
            told @ (Told::Done | Told::Failed | Told::Cancelled | Told::CutShort) => {
                Ended::Told(told, Box::new(taken.head), taken.body.clone())
            }
            _ => {
                let workload = head.extensions.get::<Workload>();
                let size = workload.map_or(Resolution::Unknown, |workload| workload.resolution);
                let first = self.shared.policy.first_wait.of(size);
                let wait = first.max(poller.waits.next(taken.wait));
                let (free, dialect) = (leave.free(), &self.plan.dialect);
                poller.on_state = Box::new(move |state| {
                    free.store(dialect.is_free_in(state), Ordering::Relaxed);
                });
                if let Told::Running { state, .. } = &taken.told {
                    (poller.on_state)(state);
                }
                poller.until_ended(&taken.uri, wait).await
            }
        };
        leave.disarm();
        let ended = self
            .with_result(&mut poller, ended, Some(taken.body))
            .await?;
        self.ended(poller.report, ended, place)
    }

    /// What is done when the caller leaves before the end.
    ///
    /// Armed only where the policy and the dialect both allow it. The state is asked after once more before the
    /// cancellation is sent, since a task that has begun is charged, and the picture then waits for whoever comes back.
    fn leave<S, B, R>(
        &self,
        client: &S,
        head: &Parts,
        taken: &Taken,
        place: Option<&Arc<Place>>,
    ) -> Leave
    where
        S: Client<B, R> + Clone + Send + 'static,
        S::Future: Send,
        B: Send + 'static,
        R: Bytewise + Send + 'static,
    {
        let Some((method, uri)) = taken.cancel.clone() else {
            return Leave::never();
        };
        if !self.shared.policy.cancel_queued {
            return Leave::never();
        }
        let (mut client, head, place) = (client.clone(), head.clone(), place.cloned());
        let (poll, dialect) = (taken.uri.clone(), self.plan.dialect.clone());
        let within = self.shared.policy.poll_timeout;
        Leave::cancelling(move || {
            let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                return;
            };
            runtime.spawn(async move {
                // Its work may have begun since it was asked after last.
                let state = state_now(&mut client, &head, &dialect, poll);
                if !timeout(within, state)
                    .await
                    .is_ok_and(|state| state.is_some_and(|state| dialect.is_free_in(&state)))
                {
                    return;
                }
                if let Some(place) = place {
                    place.cancelled();
                }
                // Whether it was in time is told when the task is asked after.
                let asked = asked_again(&mut client, &head, method, uri);
                let _ = timeout(within, asked).await;
            });
        })
    }

    /// A poller of this call: its key, its account, its deadline.
    fn poller<'p, S>(&'p self, client: S, head: &'p Parts, report: TaskReport) -> Poller<'p, S> {
        let policy = &self.shared.policy;
        Poller {
            client,
            attempt: self.attempt.as_ref(),
            head,
            dialect: &self.plan.dialect,
            rate: &self.shared.rate,
            account: self.plan.account,
            waits: Waits::new(policy, &self.plan.dialect),
            poll_timeout: policy.poll_timeout,
            longest_answer: policy.longest_answer,
            grace: policy.grace,
            deadline: self.deadline,
            report,
            on_state: Box::new(|_| {}),
        }
    }
}

/// The state of a task that has not ended; `None` where it has, or nothing is known.
async fn state_now<S, B, R>(
    client: &mut S,
    head: &Parts,
    dialect: &Dialect,
    poll: Uri,
) -> Option<String>
where
    S: Client<B, R>,
    R: Bytewise,
{
    let response = asked_again(client, head, Method::GET, poll).await.ok()?;
    let (head, body) = response.into_parts();
    let Read::Whole(body) = read(body, SHORT, None).await else {
        return None;
    };
    match told(dialect, head.status, &body) {
        Told::Running { state, .. } => Some(state),
        _ => None,
    }
}
