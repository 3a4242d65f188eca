//! A recorded incident (Comfy-Org/ComfyUI pull request 16204): a proxy on the way closes every connection after
//! 60.1 s of silence; the work goes on, ends, and is charged. One picture was sent for four times, paid for
//! four times, and never came.

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::Full;
use longhaul::{
    Class, Stack, StackRequestBody,
    fallback::{AnsweredBy, FallbackPolicy, KeySource, Target},
    policy::Policy,
};
use longhaul_sim::{Dialect, Provider, Totals, Weight};
use longhaul_testing::{disagreements, harness::exact};
use tower::{Layer, ServiceExt, service_fn};

use crate::calls::{picture, send};

/// What the incident costs under `policy`: the provider's totals, and who made the picture, if one came.
async fn incident(policy: Policy) -> (Totals, Option<AnsweredBy>) {
    let provider = Provider::builder()
        .image_weight(Weight::Tiny)
        .build()
        .unwrap();
    let oracle = provider.oracle();
    let client = service_fn(move |mut request: Request<StackRequestBody<Full<Bytes>>>| {
        // The proxy stands before this host and no other.
        if request.uri().host() == Some("api.example") {
            let cut = HeaderValue::from_static("cut@60.1");
            request.headers_mut().insert("x-sim-fault", cut);
        }
        provider.clone().oneshot(request)
    });
    let stack = Stack::new(exact(policy)).unwrap();
    let answer = send(stack.layer(client), picture(Dialect::OpenAi)).await;
    oracle.settled().await;

    let entries = oracle.entries();
    assert_eq!(disagreements(&stack.ledger().records(), &entries), [""; 0]);
    let made_by = answer.ok().map(|answer| {
        let made_by = answer.extensions().get::<AnsweredBy>().cloned();
        made_by.expect("whoever falls back says who made the picture")
    });
    (oracle.totals(), made_by)
}

#[tokio::test(start_paused = true)]
async fn as_recorded_four_sends_are_four_charges_and_no_picture() {
    let mut policy = Policy::nano_banana_pro();
    policy.retry.paid_attempts = 4;
    let (totals, picture) = incident(policy).await;
    assert_eq!(
        (totals.requests, totals.charged, totals.delivered),
        (4, 4, 0)
    );
    assert!(picture.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_guides_policy_pays_three_times_for_nothing() {
    let (totals, picture) = incident(Policy::nano_banana_pro()).await;
    assert_eq!(
        (totals.requests, totals.charged, totals.delivered),
        (3, 3, 0)
    );
    assert!(picture.is_none());
}

#[tokio::test(start_paused = true)]
async fn careful_pays_once_for_nothing() {
    let (totals, picture) = incident(Policy::no_duplicate_charges()).await;
    assert_eq!(
        (totals.requests, totals.charged, totals.delivered),
        (1, 1, 0)
    );
    assert!(picture.is_none());
}

#[tokio::test(start_paused = true)]
async fn around_the_proxy_the_second_send_brings_the_picture() {
    let cut = vec![Class::UnknownOutcome, Class::IntermediaryCut];
    let mut direct = Target::new("direct", "https://direct.example");
    direct.key = KeySource::Same(vec!["api.example".to_owned()]);
    direct.triggers = Some(cut.clone());
    let mut policy = Policy::no_duplicate_charges();
    policy.fallback = FallbackPolicy::to([direct]);
    policy.fallback.allow_duplicate = cut;

    let (totals, picture) = incident(policy).await;
    assert_eq!(
        (totals.requests, totals.charged, totals.delivered),
        (2, 2, 1)
    );
    let picture = picture.expect("a picture came");
    assert_eq!((picture.target.as_ref(), picture.index), ("direct", 1));
}
