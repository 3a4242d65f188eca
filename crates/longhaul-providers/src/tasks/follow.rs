//! From a task that was taken to its end: the polls, and what is done when the caller leaves.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{Response, Uri, request::Parts};
use longhaul::{Deadline, Error, Resolution, Workload};
use tokio::time::timeout;

use super::{
    TaskReport,
    exchange::Running,
    leave::Leave,
    open::{OpenTask, Place},
    poll::{Ended, Poller},
    submit::Taken,
    told::Told,
    wait::Waits,
};
use crate::exchange::{Bytewise, Client, JoinedBody, asked_again};

impl Running<'_> {
    /// Collects the task that an earlier call submitted. `None` where a new one is to be submitted: the old one was taken
    /// back before it began.
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
        // It was made of a URI.
        let uri: Uri = task.handle.poll_url.parse().ok()?;
        if let (Some(attempt), Some(earlier)) = (&self.attempt, &task.submitted_by) {
            attempt.resume_task(earlier);
        }
        let durable = task.durable || self.noted(&task.handle).await;
        let mut report = TaskReport::new(task.handle);
        report.resumed = true;
        report.durable = durable;
        let mut poller = self.poller(client, head, report);
        let ended = poller.until_ended(&uri, Duration::ZERO).await;
        if let Ended::Told(Told::Cancelled, ..) = &ended
            && let Some(place) = place
            && place.was_cancelled()
        {
            place.set(None);
            return None;
        }
        Some(self.ended(poller, ended, None, place).await)
    }

    /// Polls a task that was taken, and answers with its end.
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
                let (free, row) = (leave.free(), self.plan.dialect.cancel.as_ref());
                poller.on_state = Box::new(move |state| {
                    let now = row.is_some_and(|row| row.free_in.iter().any(|free| free == state));
                    free.store(now, Ordering::Relaxed);
                });
                if let Told::Running { state, .. } = &taken.told {
                    (poller.on_state)(state);
                }
                poller.until_ended(&taken.uri, wait).await
            }
        };
        leave.disarm();
        self.ended(poller, ended, Some(taken.body), place).await
    }

    /// What is done when the caller leaves before the end.
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
        R: Send + 'static,
    {
        let Some((method, uri)) = taken.cancel.clone() else {
            return Leave::never();
        };
        if !self.shared.policy.cancel_queued {
            return Leave::never();
        }
        let (mut client, head, place) = (client.clone(), head.clone(), place.cloned());
        let within = self.shared.policy.poll_timeout;
        Leave::cancelling(move || {
            let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                return;
            };
            if let Some(place) = place {
                place.cancelled();
            }
            runtime.spawn(async move {
                // Whether it was in time is told when the task is asked after.
                let asked = asked_again(&mut client, &head, method, uri);
                let _ = timeout(within, asked).await;
            });
        })
    }

    fn poller<'p, S>(&'p self, client: S, head: &'p Parts, report: TaskReport) -> Poller<'p, S> {
        let policy = &self.shared.policy;
        Poller {
            client,
            head,
            dialect: &self.plan.dialect,
            rate: &self.shared.rate,
            account: self.plan.account,
            waits: Waits::new(policy, &self.plan.dialect),
            poll_timeout: policy.poll_timeout,
            longest_answer: policy.longest_answer,
            grace: Deadline::after(policy.grace).instant(),
            deadline: self.deadline,
            report,
            on_state: Box::new(|_| {}),
        }
    }
}
