//! One call from its unary request to its unary answer.
//!
//! The order of the steps is what makes a picture paid once:
//!
//! 1. The body is read, and the call passed on where it has no form as a task.
//! 2. Calls of one operation (account, key, path, body) wait for each other, and whoever finds an open task collects it.
//! 3. The ledger is told that a submit leaves, then the submit leaves.
//! 4. The handle is noted in memory as soon as the submit is answered, and durably before the first poll.
//! 5. Polls go on until an end, or until nobody waits any longer.
//!
//! A caller may leave between any two of these. Before step 3 nothing was ordered; after step 4 the next call collects.
//! Between them, while the submit is in flight, nobody can know, and the layers above say so. Test
//! `calls_of_one_operation_submit_one_after_the_other` keeps step 2.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use longhaul::{Attempt, Deadline, Error};
use tokio::time::{Instant, timeout_at};

use super::{
    handle,
    open::{OpenTask, OperationKey},
    plan::TaskPlan,
    service::Shared,
    submit::{Submitted, submit},
    visit::Visit,
};
use crate::exchange::{Account, Bytewise, Call, Client, JoinedBody, TopFields, Whole};

/// What stays the same from the submit to the end of a call.
pub(super) struct Running<'a> {
    pub(super) plan: &'a TaskPlan,
    pub(super) shared: &'a Shared,
    /// The handle of the attempt, where a layer above has put one on the request.
    pub(super) attempt: Option<Attempt>,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
}

/// The deadline is that of the operation where the layers above have set one, and counts for the waiting behind another
/// call too.
pub(super) async fn run<S, B, R>(
    mut call: Call<S>,
    body: B,
    plan: TaskPlan,
    shared: Arc<Shared>,
) -> Result<Response<JoinedBody<R>>, Error>
where
    S: Client<B, R> + Clone + Send + 'static,
    S::Future: Send,
    B: Bytewise + Send + 'static,
    R: Bytewise + Send + 'static,
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
        Err(body) => return call.pass(body).await,
    };
    let Some(said) = plan.agrees(&whole) else {
        return call.pass(whole.body()).await;
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
    if let Some(task) = place.and_then(|place| place.task())
        && let Some(answer) = running
            .resumed(call.client(), &call.head, task, place)
            .await
    {
        return answer;
    }
    let submitted = running.submitted(&mut call, &whole, &said);
    let Ok(submitted) = timeout_at(running.deadline, submitted).await else {
        return Err(running.expired(None));
    };
    let submitted = match submitted {
        Ok(submitted) => submitted,
        Err(error) => return Err(running.unreachable(error, place).await),
    };
    let taken = match submitted {
        Submitted::Answer(answer) => return Ok(answer),
        Submitted::Task(taken) => taken,
        Submitted::NotOffered => {
            let refused = (plan.account, plan.dialect.name.clone());
            shared.refused.note(refused);
            running.note_submit(None).await;
            if let Some(attempt) = &running.attempt {
                attempt.discard_head();
            }
            return call.pass(whole.body()).await;
        }
    };
    shared.taken.note(running.named(&taken.handle.id));
    if let Some(place) = place {
        place.set(Some(OpenTask {
            handle: taken.handle.clone(),
            submitted_by: running.attempt.clone(),
            durable: false,
            unreachable: None,
        }));
    }
    let client = call.client();
    running.collected(client, &call.head, *taken, place).await
}

impl Running<'_> {
    /// The key of the operation, where it has one.
    ///
    /// The key of the attempt outranks the header, since a layer above makes one for each operation. A call without any
    /// is its own operation: it is never resumed.
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

    /// The name under which [`Shared::taken`](super::service::Shared::taken) remembers that a call has this task.
    pub(super) fn named(&self, id: &str) -> (Account, String) {
        (self.plan.account, id.to_owned())
    }

    /// Submits; where the answer was lost, looks for the task in the API's list, or submits again if the provider takes one
    /// key once.
    async fn submitted<S, B, R>(
        &self,
        call: &mut Call<S>,
        whole: &Whole,
        said: &TopFields,
    ) -> Result<Submitted<R>, Error>
    where
        S: Client<B, R> + Clone,
        R: Bytewise,
    {
        let since = handle::now();
        let submitted = self.asked(call, whole, said).await;
        if !self.may_be_taken(&submitted) {
            return submitted;
        }
        match self
            .recovered(call.client(), &call.head, whole, since)
            .await
        {
            Some(taken) => Ok(Submitted::Task(Box::new(taken))),
            None => submitted,
        }
    }

    /// Three further submits at most, 1, 2 and 4 s apart, of a dialect that takes one key once, and only where the
    /// request carries the header: the provider then answers with the same task. The waits shrink with a scaled policy.
    async fn asked<S, B, R>(
        &self,
        call: &mut Call<S>,
        whole: &Whole,
        said: &TopFields,
    ) -> Result<Submitted<R>, Error>
    where
        S: Client<B, R> + Clone,
        R: Bytewise,
    {
        let keyed = self.plan.dialect.submit.idempotent
            && call.head.headers.contains_key("idempotency-key");
        let mut again = if keyed { 3 } else { 0 };
        let mut wait = Duration::from_secs(1).mul_f64(self.shared.policy.pace.min(1.0));
        self.note_submit(Some(self.plan.dialect.name())).await;
        loop {
            let submitted = submit(call, self.plan, whole, said).await;
            let is_lost = submitted.is_err() || self.may_be_taken(&submitted);
            if !is_lost || again == 0 || self.started + wait >= self.deadline {
                return submitted;
            }
            again -= 1;
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }
}
