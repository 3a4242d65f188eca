mod reports;

use std::{convert::Infallible, io, sync::Mutex, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{
    classify::ClassifyLayer,
    error::{BoxError, Clock, ErrorKind},
    model::{Class, Resolution, Workload},
    policy::Policy,
    retry::{ClassifyingRetryLayer, RetryPolicy},
    timeout::{SizeAwareTimeoutLayer, TimeoutPolicy},
};

fn request(host: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::post(format!("https://{host}/v1"))
        .body(Empty::new())
        .unwrap();
    request
        .extensions_mut()
        .insert(Workload::of(Resolution::K4));
    request
}

/// What `layer` makes of a connection to `host` that closes after so many seconds.
async fn cut(layer: &ClassifyLayer, host: &str, seconds: f64) -> Error {
    fail(layer, host, seconds, io::ErrorKind::ConnectionReset).await
}

async fn fail(layer: &ClassifyLayer, host: &str, seconds: f64, how: io::ErrorKind) -> Error {
    let client = service_fn(async |_: Request<Empty<Bytes>>| {
        sleep(Duration::from_secs_f64(seconds)).await;
        Err::<Response<Empty<Bytes>>, BoxError>(io::Error::from(how).into())
    });
    layer
        .layer(client)
        .oneshot(request(host))
        .await
        .unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_cut_after_sixty_seconds_is_an_intermediarys() {
    let error = cut(&ClassifyLayer::default(), "a.example", 60.1).await;
    let diagnosis = error.diagnosis();
    let limit = Duration::from_secs(60);
    assert_eq!(diagnosis.cause, Cause::Intermediary(Some(limit)));
    assert_eq!(diagnosis.confidence, Confidence::Likely);
    assert!(
        diagnosis
            .evidence
            .iter()
            .any(|row| row.contains("proxy_read_timeout"))
    );
    assert_eq!(error.class(), Class::UnknownOutcome, "one cut is no proof");
    let text = error.to_string();
    assert!(
        text.starts_with(
            "connection closed 60.1 s after the request was sent: an intermediary with a 60 s idle limit \
             (AWS ALB and nginx default to it), not the model"
        ),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn three_cuts_after_one_time_are_certain_at_their_host() {
    let layer = ClassifyLayer::default();
    for seconds in [73.0, 74.2] {
        let error = cut(&layer, "a.example", seconds).await;
        assert_eq!(error.diagnosis().cause, Cause::Unknown);
        assert_eq!(error.class(), Class::UnknownOutcome);
    }
    // A clone shares the history.
    let error = cut(&layer.clone(), "a.example", 73.5).await;
    let diagnosis = error.diagnosis();
    assert_eq!(diagnosis.confidence, Confidence::Certain);
    assert!(matches!(diagnosis.cause, Cause::Intermediary(Some(limit)) if limit.as_secs() == 73));
    assert_eq!(error.class(), Class::IntermediaryCut);
    assert!(
        error
            .to_string()
            .contains("73.5 s after the request was sent")
    );

    let elsewhere = cut(&layer, "b.example", 73.5).await;
    assert_eq!(elsewhere.class(), Class::UnknownOutcome);
    let crash = cut(&layer, "a.example", 95.0).await;
    assert_eq!(crash.diagnosis().confidence, Confidence::Possible);
    assert!(
        crash.to_string().starts_with("the service below failed"),
        "a guess is no headline"
    );
}

#[tokio::test(start_paused = true)]
async fn connections_that_die_together_point_to_a_proxy_on_this_side() {
    for (host, confidence) in [
        ("a.example", Confidence::Likely),
        ("b.example", Confidence::Certain),
    ] {
        let layer = ClassifyLayer::default();
        let late = async {
            sleep(Duration::from_secs(40)).await;
            cut(&layer, host, 55.0).await
        };
        let (first, second) = tokio::join!(cut(&layer, "a.example", 95.0), late);
        // The history knows both by now, so the first error does too.
        for error in [first, second] {
            let diagnosis = error.diagnosis();
            assert_eq!(
                (diagnosis.cause, diagnosis.confidence),
                (Cause::LocalProxy, confidence)
            );
            assert!(error.to_string().contains("a proxy or VPN on this side"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn connections_begun_and_cut_together_show_an_idle_limit() {
    let layer = ClassifyLayer::default();
    let (one, _) = tokio::join!(
        cut(&layer, "a.example", 60.0),
        cut(&layer, "a.example", 60.0)
    );
    assert!(matches!(
        one.diagnosis().cause,
        Cause::Intermediary(Some(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn what_the_system_gave_up_is_a_dead_path() {
    let error = fail(
        &ClassifyLayer::default(),
        "a.example",
        60.0,
        io::ErrorKind::TimedOut,
    )
    .await;
    assert_eq!(error.diagnosis().cause, Cause::PathDead);
}

#[tokio::test(start_paused = true)]
async fn a_scaled_policy_diagnoses_in_the_providers_seconds() {
    let policy = Policy::default().scaled(0.01).unwrap().classify;
    let layer = ClassifyLayer::new(policy).unwrap();
    let error = cut(&layer, "a.example", 0.61).await;
    assert!(
        error
            .to_string()
            .contains("61.0 s after the request was sent"),
        "{error}"
    );
    assert_eq!(
        error.diagnosis().cause,
        Cause::Intermediary(Some(Duration::from_secs(60)))
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_says_who_gave_up_and_when() {
    let client = service_fn(async |_: Request<Empty<Bytes>>| {
        sleep(Duration::from_secs(100)).await;
        let response = Response::builder()
            .status(524)
            .body(Full::<Bytes>::default());
        Ok::<_, Infallible>(response.unwrap())
    });
    let layer = ClassifyLayer::default();
    let response = layer
        .layer(client)
        .oneshot(request("a.example"))
        .await
        .unwrap();
    let attempt = response
        .extensions()
        .get::<crate::attempt::Attempt>()
        .unwrap();
    let diagnosis = of_attempt(attempt).unwrap();
    assert_eq!(
        diagnosis.cause,
        Cause::Intermediary(Some(Duration::from_secs(100)))
    );
    assert!(
        diagnosis.to_string().starts_with("Cloudflare answered 524"),
        "{diagnosis}"
    );
    assert!(
        diagnosis
            .evidence
            .iter()
            .any(|row| row.contains("Cloudflare answered, not the provider"))
    );
}

/// Our own clock by size: shorter than such pictures take, or the model slower than nearly always.
#[tokio::test(start_paused = true)]
async fn an_expired_clock_is_held_against_the_models_usual_pace() {
    for (limit, cause) in [
        (100, Cause::OwnClock(Clock::Picture)),
        (600, Cause::ModelSlow),
    ] {
        let mut limits = TimeoutPolicy::default();
        limits.picture.k4 = Duration::from_secs(limit);
        let silent = service_fn(async |_: Request<_>| {
            std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
        });
        let client = SizeAwareTimeoutLayer::new(limits).unwrap().layer(silent);
        let client = ClassifyLayer::default().layer(client);
        let error = client.oneshot(request("a.example")).await.unwrap_err();
        let diagnosis = error.diagnosis();
        assert_eq!(diagnosis.cause, cause, "{diagnosis}");
        assert!(
            diagnosis
                .evidence
                .iter()
                .any(|fact| fact.contains("95 % up to 170.0 s"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_history_holds_no_more_than_its_share() {
    let layer = ClassifyLayer::default();
    let history = RouteHistory::new();
    let layer = layer.with_history(history.clone());
    assert_eq!(history.cuts(), 0);
    for _ in 0..300 {
        cut(&layer, "a.example", 1.0).await;
    }
    assert_eq!(history.cuts(), 256);
    let error = cut(&layer, "a.example", 1.0).await;
    assert_eq!(
        error.class(),
        Class::UnknownOutcome,
        "a second is no idle limit"
    );
}
