//! One call from its unary request to its unary answer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri, request::Parts};
use http_body::Body;
use longhaul::{Attempt, BoxError, Deadline, Error, Resolution, Workload};
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use super::{
    TaskHandle, TaskReport,
    leave::Leave,
    open::{OperationKey, Place},
    plan::Plan,
    poll::{Ended, Poller},
    service::Shared,
    submit::{Submitted, Taken, submit},
    told::Told,
    wait::Waits,
};
use crate::exchange::{Call, JoinedBody, Said, Whole, asked_again};

/// What does not change while a call goes on.
pub(super) struct Running<'a> {
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a Shared,
    pub(super) attempt: Option<Attempt>,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
}

pub(super) async fn run<S, B, R>(
    mut call: Call<S>,
    body: B,
    plan: Plan,
    shared: Arc<Shared>,
) -> Result<Response<JoinedBody<R>>, Error>
where
    S: Service<Request<JoinedBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    let extensions = &call.head.extensions;
    let deadline = Deadline::of(extensions).unwrap_or(Deadline::after(shared.policy.deadline));
    let running = Running {
        attempt: extensions.get().cloned(),
        plan: &plan,
        shared: &shared,
        started: Instant::now(),
        deadline: deadline.instant(),
    };
    let read = Whole::read(body, shared.policy.longest_request).await;
    let whole = match read.map_err(Error::from_inner)? {
        Ok(whole) => whole,
        Err(body) => return running.passed(&mut call, body).await,
    };
    let Some(said) = plan.agrees(&whole) else {
        return running.passed(&mut call, whole.body()).await;
    };

    // One at a time, of those who ask for the same under the same key.
    let visit = running
        .key(&call, &whole)
        .map(|key| Visit::new(key, &shared));
    let _turn = match &visit {
        None => None,
        Some(visit) => match visit.place.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(_) => {
                call.unready();
                let turn = timeout_at(running.deadline, visit.place.turn.lock()).await;
                Some(turn.map_err(|_| running.expired(None))?)
            }
        },
    };
    let place = visit.as_ref().map(|visit| &visit.place);
    if let Some(handle) = place.and_then(|place| place.handle())
        && let Some(answer) = running
            .resumed(call.client(), &call.head, handle, place)
            .await
    {
        return answer;
    }
    let submitted = running.submitted(&mut call, &whole, &said);
    let Ok(submitted) = timeout_at(running.deadline, submitted).await else {
        return Err(running.expired(None));
    };
    let taken = match submitted? {
        Submitted::Answer(answer) => return Ok(answer),
        Submitted::Task(taken) => taken,
        Submitted::NotOffered => {
            let refused = (plan.account, plan.dialect.name.clone());
            shared.refused.note(refused);
            if let Some(attempt) = &running.attempt {
                attempt.discard_head();
            }
            return running.passed(&mut call, whole.body()).await;
        }
    };
    if let Some(place) = place {
        place.set(Some(taken.handle.clone()));
    }
    let client = call.client();
    running.collected(client, &call.head, *taken, place).await
}

/// Where the calls of one operation meet, left when it is dropped.
struct Visit<'a> {
    key: OperationKey,
    place: Arc<Place>,
    shared: &'a Shared,
}

impl<'a> Visit<'a> {
    fn new(key: OperationKey, shared: &'a Shared) -> Self {
        Self {
            place: shared.open.place(&key),
            key,
            shared,
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.shared.open.leave(&self.key);
    }
}

impl Running<'_> {
    /// The key of the operation, where it has one.
    fn key<S>(&self, call: &Call<S>, whole: &Whole) -> Option<OperationKey> {
        let attempt = self.attempt.as_ref();
        let key = attempt.and_then(Attempt::idempotency_key);
        let key = key.or_else(|| call.head.headers.get("idempotency-key"))?;
        Some(OperationKey {
            account: self.plan.account,
            key: Bytes::copy_from_slice(key.as_bytes()),
            path: self.plan.path.clone(),
            fingerprint: whole.fingerprint(),
        })
    }

    /// The caller's own request, as it is.
    async fn passed<S, B, R>(
        &self,
        call: &mut Call<S>,
        body: JoinedBody<B>,
    ) -> Result<Response<JoinedBody<R>>, Error>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>> + Clone,
        S::Error: Into<BoxError>,
    {
        let response = call.send(call.own_head(), body).await?;
        Ok(response.map(JoinedBody::passing))
    }

    /// Submits; again where the answer was lost and the provider takes one key once.
    async fn submitted<S, B, R>(
        &self,
        call: &mut Call<S>,
        whole: &Whole,
        said: &Said,
    ) -> Result<Submitted<R>, Error>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>> + Clone,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        let keyed = self.plan.dialect.submit.idempotent
            && call.head.headers.contains_key("idempotency-key");
        let mut again = if keyed { 3 } else { 0 };
        let mut wait = Duration::from_secs(1).mul_f64(self.shared.policy.pace.min(1.0));
        loop {
            match submit(call, self.plan, whole, said).await {
                Err(_) if again > 0 && self.started + wait < self.deadline => {
                    again -= 1;
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                submitted => return submitted,
            }
        }
    }

    /// Collects the task that an earlier call submitted. `None` where a new one is to be submitted: the old one was taken
    /// back before it began.
    async fn resumed<S, B, R>(
        &self,
        client: S,
        head: &Parts,
        handle: TaskHandle,
        place: Option<&Arc<Place>>,
    ) -> Option<Result<Response<JoinedBody<R>>, Error>>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>> + Clone,
        S::Error: Into<BoxError>,
        R: Body<Data = Bytes> + Unpin,
        R::Error: Into<BoxError>,
    {
        // It was made of a URI.
        let uri: Uri = handle.poll_url.parse().ok()?;
        let durable = self.noted(&handle).await;
        let mut report = TaskReport::new(handle);
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
    async fn collected<S, B, R>(
        &self,
        client: S,
        head: &Parts,
        taken: Taken,
        place: Option<&Arc<Place>>,
    ) -> Result<Response<JoinedBody<R>>, Error>
    where
        S: Service<Request<JoinedBody<B>>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Send + 'static,
        R: Body<Data = Bytes> + Send + Unpin + 'static,
        R::Error: Into<BoxError>,
    {
        let mut leave = self.leave::<S, B, R>(&client, head, &taken, place);
        let durable = self.noted(&taken.handle).await;
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
        S: Service<Request<JoinedBody<B>>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
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
