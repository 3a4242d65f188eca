//! How an operation begins: what it takes from the request, and what it keeps of it.

use http::Request;
use tokio::time::Instant;

use super::{
    super::{key::KeyForm, layer::Shared},
    Again, RetryOperation,
};
use crate::{
    attempt::{Deadline, OperationDeadline, OperationId, OtherTargets, PriorAttempts},
    body::Replay,
    error::{OuterRetry, ReportParts},
    model::Workload,
    observe::Observer,
};

impl<B: Replay> RetryOperation<B> {
    /// The key is new for each target and the id is not: a provider must not be shown another one's key, and the books of all
    /// targets belong to one operation.
    pub(in super::super) fn begin(request: Request<B>, shared: &Shared) -> (Self, Request<B>) {
        let policy = shared.policy.clone();
        let (mut head, body) = request.into_parts();
        // Each target that an operation goes to gets a key of its own.
        let new = OperationId::new();
        let elsewhere: Option<&PriorAttempts> = head.extensions.get();
        let own: Option<&OperationId> = head.extensions.get();
        let id = elsewhere.map_or(own.copied().unwrap_or(new), |it| it.operation);
        let elsewhere = elsewhere.copied().map(Box::new);
        let workload: Option<&Workload> = head.extensions.get();
        let resolution = workload.map_or_else(Default::default, |workload| workload.resolution);
        let is_recognised = workload.is_some_and(|workload| workload.recognised);
        let budgets = shared.budgets(&head);
        let route = shared.route(&head, resolution);
        let outer_retry = OuterRetry::of(&head);

        let now = Instant::now();
        let callers_deadline = head.extensions.get::<Deadline>().copied();
        let elsewhere_deadline = head.extensions.remove::<OperationDeadline>();
        let deadline = elsewhere_deadline
            .unwrap_or_else(|| shared.deadline(&head, resolution, now, callers_deadline));
        let others = head.extensions.remove::<OtherTargets>();

        // The layers below tell the same observers.
        let own = head.extensions.remove::<Observer>();
        let observer = match (shared.observer.clone(), own) {
            (Some(all), Some(own)) => Some(all.and(own)),
            (all, own) => all.or(own),
        };
        if let Some(observer) = &observer {
            head.extensions.insert(observer.clone());
        }

        let again = body.try_clone().map(|body| Again {
            head: head.clone(),
            body,
        });
        // The caller's own key stays.
        if let Some(name) = &policy.key_header
            && !head.headers.contains_key(name)
            && let Some(key) = KeyForm::of(&policy.keys, &head.uri).write(new)
        {
            head.headers.insert(name, key);
        }
        let operation = Self {
            id,
            elsewhere,
            observer,
            budgets,
            route,
            // What cannot be recognised may be anything: its chance is not known.
            worth: if is_recognised {
                policy.worth
            } else {
                f64::INFINITY
            },
            policy,
            again,
            deadline,
            callers_deadline,
            report: ReportParts {
                outer_retry,
                ..ReportParts::default()
            },
            head_expiries: 0,
            began: now,
            paid: 0,
            refused: 0,
            unsent: 0,
            asked_for_empty: false,
            others,
            charged_beside: Vec::new(),
            endings: None,
            planned: None,
        };
        (operation, Request::from_parts(head, body))
    }
}
