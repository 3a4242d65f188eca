//! What an answer means that was fetched long after its attempt had ended.
//!
//! The classifier and nobody else decides what an answer means, here as for a call that runs: the answer is handed to
//! a `ClassifyLayer` as if it had just come, with the workload that the ledger has of its attempt. So a picture that
//! is fetched an hour later is `Delivered` by the same rules, and a failure has the class that its caller would have
//! seen.

use std::{convert::Infallible, future::ready, time::SystemTime};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use longhaul::{
    Exposure, Outcome, Phase,
    billing::{Closing, Opening},
    classify::{ClassifyLayer, Probability},
};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use crate::core::{Attempt, Class, Workload};

/// What a task's last poll brought: the answer that its caller would have had.
pub(super) struct FetchedAnswer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// How likely it was charged, where the provider's own rules say so.
    pub(super) charged: Option<Probability>,
}

/// How the attempt that was opened like this ended: judged as its own answer would have been.
///
/// Only what the ledger keeps of the request is known: model, resolution, number of images. The probability of a
/// charge is the provider's own rule where it has one for tasks, else that of the class.
pub(super) async fn judged(opening: &Opening, answered: FetchedAnswer) -> Closing {
    let mut workload = Workload::default();
    workload.recognised = true;
    workload.model = opening.model.clone();
    workload.resolution = opening.resolution;
    workload.images = opening.images;
    let mut response = Response::new(Full::from(answered.body));
    *response.status_mut() = answered.status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    let mut request = Request::new(());
    request.extensions_mut().insert(workload);
    let (attempt, _) = Attempt::enter(request.extensions_mut());
    let mut response = Some(response);
    let answer = service_fn(move |_| {
        let response = response.take().unwrap_or_default();
        ready(Ok::<_, Infallible>(response))
    });
    if let Ok(response) = ClassifyLayer::default()
        .layer(answer)
        .oneshot(request)
        .await
    {
        // A broken document is judged at its end.
        let _ = response.into_body().collect().await;
    }
    let outcome = attempt.outcome().await;
    let probability = answered.charged.unwrap_or(outcome.exposure.probability);
    let mut closing = closing(opening, outcome, probability);
    closing.status = Some(answered.status);
    closing.evidence = attempt.evidence();
    closing
}

/// The provider does not know the task any more: it was taken, and is owed.
pub(super) fn expired(opening: &Opening) -> Closing {
    let class = Class::Undelivered;
    let exposure = Exposure::new(class.charge_probability(), None);
    let end = longhaul::End::Failed;
    let outcome = Outcome::new(end, class, Phase::Body, Default::default(), exposure);
    closing(opening, outcome, exposure.probability)
}

/// The duration goes from the opening of the entry to now: the attempt was out for so long, whoever waited for it.
fn closing(opening: &Opening, mut outcome: Outcome, probability: Probability) -> Closing {
    outcome.exposure = Exposure::new(probability, opening.price);
    let mut closing = Closing::new(outcome);
    // From the attempt's beginning until its end was known.
    let lasted = |now: SystemTime| now.duration_since(opening.opened_at);
    closing.outcome.duration = lasted(closing.closed_at).unwrap_or_default();
    closing
}
