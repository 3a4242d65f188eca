//! What entries say.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};

use super::script::{PRICE, answering, broken, call, only, policy, request};
use crate::{
    attempt::Attempt,
    billing::{
        BillingCompensationTracker, BillingCompensationTrackerLayer, BillingPolicy,
        ClaimConfidence, ClaimRule, ClaimRules, MemoryLedger,
    },
    model::{Class, End, Phase, Provider, Resolution, Workload},
};

#[tokio::test]
async fn without_a_classifier_the_status_and_the_bodys_end_decide() {
    let class = |status| async move {
        let ledger = MemoryLedger::new();
        let response = call(answering(status), ledger.clone()).await.unwrap();
        let at_head = ledger.records()[0].closing.clone();
        response.into_body().collect().await.unwrap();
        let closing = only(&ledger);
        assert_eq!(at_head.is_some(), !(200..300).contains(&status));
        assert_eq!(closing.outcome.end, End::Finished);
        assert_eq!(closing.status.unwrap(), status);
        closing.outcome.class
    };
    assert_eq!(class(200).await, Class::Delivered);
    assert_eq!(class(429).await, Class::RateLimited);
    assert_eq!(class(504).await, Class::IntermediaryCut);
}

#[tokio::test]
async fn a_broken_body_is_undelivered_and_names_its_attempt() {
    let ledger = MemoryLedger::new();
    let inner = service_fn(|_| async { Ok::<_, Infallible>(Response::new(broken())) });
    let response = call(inner, ledger.clone()).await.unwrap();
    let error = response.into_body().collect().await.err().unwrap();
    assert_eq!(error.phase(), Some(Phase::Body));
    let closing = only(&ledger);
    assert_eq!(
        (closing.outcome.end, closing.outcome.class),
        (End::Failed, Class::Undelivered)
    );
}

#[tokio::test]
async fn a_refused_connection_costs_nothing() {
    let ledger = MemoryLedger::new();
    let inner = service_fn(|_| async {
        Err::<Response<Empty<Bytes>>, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    });
    let error = call(inner, ledger.clone()).await.err().unwrap();
    assert_eq!(error.attempt().unwrap().number(), 1);
    let closing = only(&ledger);
    assert_eq!(
        (closing.outcome.end, closing.outcome.class),
        (End::Failed, Class::NeverSent)
    );
    assert_eq!(closing.outcome.exposure.possible(), Some(PRICE.zero()));
}

/// A classifier below that judges at the head.
#[tokio::test]
async fn what_is_judged_below_is_written_down_at_the_head() {
    let ledger = MemoryLedger::new();
    let inner = service_fn(|request: Request<Empty<Bytes>>| async move {
        let attempt = request.extensions().get::<Attempt>().unwrap();
        attempt.finish(End::Finished, Class::NoImage);
        Ok::<_, Infallible>(Response::new(broken()))
    });
    let response = call(inner, ledger.clone()).await.unwrap();
    assert_eq!(only(&ledger).outcome.class, Class::NoImage);
    // What becomes of the body afterwards changes nothing.
    response.into_body().collect().await.err().unwrap();
    assert_eq!(only(&ledger).outcome.class, Class::NoImage);
}

#[tokio::test]
async fn an_empty_success_ends_with_its_head() {
    let ledger = MemoryLedger::new();
    let inner = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) });
    let response = call(inner, ledger.clone()).await.unwrap();
    let attempt = response.extensions().get::<Attempt>().unwrap();
    assert_eq!(attempt.outcome_now().unwrap(), only(&ledger).outcome);
}

#[tokio::test(start_paused = true)]
async fn the_providers_clock_lies_between_our_bounds() {
    let inner = |watched| {
        service_fn(move |request: Request<Empty<Bytes>>| async move {
            sleep(Duration::from_secs(5)).await;
            if watched {
                // As the request body of the timeout layer does.
                let attempt = request.extensions().get::<Attempt>().unwrap();
                let body = &mut attempt.facts().body;
                (body.watched, body.ended) = (true, Some(Instant::now()));
            }
            sleep(Duration::from_secs(181)).await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("image")))
        })
    };
    for (watched, at_least, certainty) in [
        (true, 181, ClaimConfidence::Eligible),
        (false, 0, ClaimConfidence::Verify),
    ] {
        let ledger = MemoryLedger::new();
        let response = call(inner(watched), ledger.clone()).await.unwrap();
        sleep(Duration::from_secs(4)).await;
        response.into_body().collect().await.unwrap();
        let clock = only(&ledger).provider_clock.unwrap();
        assert_eq!(clock.at_least, Duration::from_secs(at_least));
        assert_eq!(clock.at_most, Duration::from_secs(190));
        let claims = ledger.claims(&ClaimRules::default());
        assert_eq!(claims.len(), 1);
        assert_eq!(
            (claims[0].rule, claims[0].certainty),
            (ClaimRule::Over, certainty)
        );
        assert_eq!(claims[0].amount, Some(PRICE));
    }
}

#[tokio::test]
async fn an_entry_names_what_was_asked_for_and_no_secret() {
    let ledger = MemoryLedger::new();
    let layer = BillingCompensationTrackerLayer::new(policy(), ledger.clone()).unwrap();
    let tracker = tower::ServiceBuilder::new()
        .layer(layer)
        .service(answering(200));
    let mut named = request();
    named.extensions_mut().insert(Provider::new("relay"));
    named
        .extensions_mut()
        .insert(Workload::of(Resolution::K2).with_images(3));
    for (mut request, key) in [(request(), "key-1"), (named, "hidden")] {
        let mut value = http::HeaderValue::from_static(key);
        value.set_sensitive(key == "hidden");
        request.headers_mut().insert("idempotency-key", value);
        request
            .headers_mut()
            .insert("authorization", "Bearer secret".parse().unwrap());
        drop(tracker.clone().oneshot(request).await);
    }

    let records = ledger.records();
    assert!(!format!("{records:?}").contains("secret"));
    assert!(!format!("{records:?}").contains("pass"));
    let first = &records[0].opening;
    assert_eq!(first.provider.as_deref(), Some("api.example.com"));
    assert_eq!(first.host.as_deref(), Some("API.example.com"));
    assert_eq!(&*first.path, "/v1/images");
    assert_eq!(first.model.as_deref(), Some("banana"));
    assert_eq!(first.idempotency_key.as_deref(), Some("key-1"));
    assert_eq!(
        (first.resolution, first.images, first.price),
        (Resolution::K4, 1, Some(PRICE))
    );
    let second = &records[1].opening;
    assert_eq!(second.provider.as_deref(), Some("relay"));
    assert_eq!((second.images, second.price), (3, Some(PRICE.times(3))));
    assert_eq!(second.idempotency_key, None);
}

#[tokio::test]
async fn without_a_price_the_exposure_is_unknown() {
    let ledger = MemoryLedger::new();
    let tracker =
        BillingCompensationTracker::new(answering(200), BillingPolicy::default(), ledger.clone());
    drop(tracker.unwrap().oneshot(request()).await);
    assert_eq!(only(&ledger).outcome.exposure.possible(), None);
    assert_eq!(ledger.totals().unknown, 1);
    assert!(ledger.totals().amounts.is_empty());
}
