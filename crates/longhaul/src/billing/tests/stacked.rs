//! Above the clocks and the judge, as in the stack.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use super::script::{PRICE, only, policy, request};
use crate::{
    billing::{
        BillingCompensationTrackerLayer, BillingPolicy, ClaimRule, ClaimRules, MemoryLedger,
    },
    classify::ClassifyLayer,
    error::{BoxError, ErrorKind},
    model::{ChargeRule, Class, End, Provider},
    timeout::{RequestBody, SizeAwareTimeoutLayer},
};

type Sent = Request<RequestBody<Empty<Bytes>>>;

/// Calls `client` through tracker, classifier and timeout, and reads the answer.
async fn call<S>(client: S, ledger: &MemoryLedger) -> Result<Bytes, crate::error::Error>
where
    S: Service<Sent, Response = Response<Full<Bytes>>> + Clone,
    S::Error: Into<BoxError>,
{
    let stack = ServiceBuilder::new()
        .layer(BillingCompensationTrackerLayer::new(policy(), ledger.clone()).unwrap())
        .layer(ClassifyLayer::default())
        .layer(SizeAwareTimeoutLayer::default())
        .service(client);
    let response = stack.oneshot(request()).await?;
    Ok(response.into_body().collect().await?.to_bytes())
}

fn json(body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_is_a_timeout_in_the_entry_and_no_cancel() {
    let ledger = MemoryLedger::new();
    let client = service_fn(|request: Sent| async {
        request.into_body().collect().await.unwrap();
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
    });
    let error = call(client, &ledger).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout { .. }));
    let closing = only(&ledger);
    assert_eq!(closing.outcome.end, End::TimedOut);
    assert_eq!(closing.outcome.class, Class::UnknownOutcome);
    assert_eq!(closing.outcome.duration.as_secs(), 600);
    assert_eq!(closing.outcome.exposure.certain(), Some(PRICE.zero()));
    assert_eq!(closing.outcome.exposure.possible(), Some(PRICE));
    assert_eq!(closing.provider_clock, None);
}

#[tokio::test(start_paused = true)]
async fn what_the_classifier_says_is_what_is_written_down() {
    for (body, class, rule) in [
        (r#"{"data":[{"b64_json":"aW1n"}]}"#, Class::Delivered, None),
        (r#"{"data":[]}"#, Class::NoImage, Some(ClaimRule::NoImage)),
        (
            r#"{"data":[{"#,
            Class::Undelivered,
            Some(ClaimRule::Undelivered),
        ),
    ] {
        let ledger = MemoryLedger::new();
        let client = service_fn(|_: Sent| async { Ok::<_, Infallible>(json(body)) });
        let read = call(client, &ledger).await;
        assert_eq!(read.is_err(), class == Class::Undelivered);
        assert_eq!(only(&ledger).outcome.class, class);
        let claims = ledger.claims(&ClaimRules::default());
        assert_eq!(claims.first().map(|claim| claim.rule), rule);
    }
}

/// The class's own prior, a row for the provider, and above both what the answer says of itself.
#[tokio::test(start_paused = true)]
async fn a_lost_picture_costs_what_is_known_of_the_provider() {
    const NONE: &str = r#"{"data":[]}"#;
    const FREE: &str = r#"{"candidates":[{"finishReason":"IMAGE_OTHER","finishMessage":"You will not be charged."}]}"#;
    for (provider, body, charge_rules, permille) in [
        ("relay", NONE, vec![], 1000),
        (
            "relay",
            NONE,
            vec![ChargeRule::new("relay", Class::NoImage, 250)],
            250,
        ),
        (
            "relay",
            NONE,
            vec![ChargeRule::new("other", Class::NoImage, 250)],
            1000,
        ),
        (
            "relay",
            FREE,
            vec![ChargeRule::new("relay", Class::NoImage, 250)],
            0,
        ),
        ("openrouter.ai", NONE, vec![], 0),
        (
            "openrouter.ai",
            NONE,
            vec![ChargeRule::new("*", Class::NoImage, 1000)],
            1000,
        ),
    ] {
        let ledger = MemoryLedger::new();
        let policy = BillingPolicy {
            charge_rules,
            ..policy()
        };
        let client =
            service_fn(|_: Request<Empty<Bytes>>| async { Ok::<_, Infallible>(json(body)) });
        let stack = ServiceBuilder::new()
            .layer(BillingCompensationTrackerLayer::new(policy, ledger.clone()).unwrap())
            .layer(ClassifyLayer::default())
            .service(client);
        let mut request = request();
        request.extensions_mut().insert(Provider::new(provider));
        let response = stack.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        let probability = only(&ledger).outcome.exposure.probability;
        assert_eq!(probability.as_permille(), permille, "{provider} {body}");
        let owed = !ledger.claims(&ClaimRules::default()).is_empty();
        assert_eq!(owed, permille > 0, "what is free is not owed back");
    }
}
