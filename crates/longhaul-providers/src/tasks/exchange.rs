//! One call from its unary request to its unary answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use longhaul::{Attempt, BoxError, Deadline, Error};
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use super::{
    open::OperationKey,
    plan::TaskPlan,
    service::Shared,
    submit::{Submitted, submit},
    visit::Visit,
};
use crate::exchange::{Call, JoinedBody, TopFields, Whole};

/// What does not change while a call goes on.
pub(super) struct Running<'a> {
    pub(super) plan: &'a TaskPlan,
    pub(super) shared: &'a Shared,
    pub(super) attempt: Option<Attempt>,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
}

pub(super) async fn run<S, B, R>(
    mut call: Call<S>,
    body: B,
    plan: TaskPlan,
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
        said: &TopFields,
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
}
