mod errors;
mod holding;
mod passing;
mod whole;

use crate::body::PeekedBytes;
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty};
use proptest::prelude::*;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{
    attempt::Attempt,
    error::{BoxError, Error, ErrorKind},
    mock::{MockBody, Step},
    model::{End, Outcome, Resolution, Workload},
};

/// What came out of a lone `Classify` around a service that answers so.
async fn judge<B>(
    asked: bool,
    answer: Result<Response<B>, BoxError>,
) -> (Attempt, Result<Bytes, Error>)
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<BoxError>,
{
    let answer = std::sync::Mutex::new(Some(answer));
    let service = service_fn(|_: Request<Empty<Bytes>>| {
        std::future::ready(answer.lock().unwrap().take().unwrap())
    });
    let mut request = Request::new(Empty::new());
    let workload = if asked {
        Workload::of(Resolution::K4)
    } else {
        Workload::default()
    };
    request.extensions_mut().insert(workload);
    let (attempt, _) = Attempt::enter(request.extensions_mut());
    let result = match ClassifyLayer::default()
        .layer(service)
        .oneshot(request)
        .await
    {
        Ok(response) => response
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes()),
        Err(error) => Err(error),
    };
    (attempt, result)
}

fn json<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    response
}

/// A picture as JSON, longer than the peek limit.
fn long_picture() -> Vec<Bytes> {
    let picture = Bytes::from(vec![b'A'; 40_000]);
    vec![
        Bytes::from_static(br#"{"data":[{"b64_json":""#),
        picture.clone(),
        picture.clone(),
        picture,
        Bytes::from_static(br#""}]}"#),
    ]
}

fn ended(attempt: &Attempt) -> (End, Class) {
    let Outcome { end, class, .. } = attempt.outcome_now().expect("it has ended");
    (end, class)
}

#[tokio::test]
async fn a_long_picture_is_delivered_at_its_last_byte_and_not_before() {
    let service = service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, Infallible>(json(MockBody::of(long_picture())))
    });
    let response = ClassifyLayer::default()
        .layer(service)
        .oneshot(Request::new(Empty::new()))
        .await
        .unwrap();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    let mut body = response.into_body();
    for _ in 0..4 {
        body.frame().await.unwrap().unwrap();
        assert_eq!(attempt.outcome_now(), None);
    }
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().await.is_none());
    assert_eq!(ended(&attempt), (End::Finished, Class::Delivered));
}

#[tokio::test]
async fn a_picture_behind_a_byte_order_mark_is_delivered() {
    let answer = b"\xef\xbb\xbf{\"data\":[{\"b64_json\":\"AAAA\"}]}";
    for size in [1, 2, 100] {
        let pieces = answer.chunks(size).map(Bytes::from_static);
        let (attempt, body) = judge(true, Ok(json(MockBody::of(pieces)))).await;
        assert_eq!(body.unwrap(), &answer[..]);
        assert_eq!(ended(&attempt), (End::Finished, Class::Delivered));
        assert_eq!(attempt.evidence().images, 1);
    }
}

#[tokio::test]
async fn a_long_picture_that_breaks_off_ends_in_an_error() {
    let mut frames = long_picture();
    frames.pop();
    let (attempt, body) = judge(true, Ok(json(MockBody::of(frames)))).await;
    let error = body.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Truncated { received } if *received > 120_000));
    assert_eq!(ended(&attempt), (End::Failed, Class::Undelivered));
}

#[tokio::test]
async fn a_short_answer_that_breaks_off_is_undelivered_at_once() {
    for body in [
        MockBody::of([r#"{"data":[{"b64_js"#]),
        MockBody::of([r#"{"data":[{"b64_js"#]).then(Step::Break),
    ] {
        let (attempt, body) = judge(true, Ok(json(body))).await;
        assert_eq!(body.unwrap_err().class(), Class::Undelivered);
        assert_eq!(ended(&attempt), (End::Failed, Class::Undelivered));
    }
}

#[tokio::test]
async fn a_broken_error_page_means_what_its_status_says() {
    let mut response = json(MockBody::of([r#"{"error":{"mess"#]).then(Step::Break));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let (attempt, body) = judge(true, Ok(response)).await;
    assert!(body.is_err());
    assert_eq!(ended(&attempt), (End::Finished, Class::Unavailable));
}

#[tokio::test]
async fn blanks_before_an_answer_do_not_use_up_the_peek_limit() {
    let mut frames = vec![Bytes::from(vec![b' '; 100_000])];
    frames.push(Bytes::from_static(br#"{"data":[]}"#));
    let (attempt, body) = judge(true, Ok(json(MockBody::of(frames)))).await;
    assert_eq!(body.unwrap().len(), 100_011);
    assert_eq!(ended(&attempt), (End::Finished, Class::NoImage));
}

#[test]
fn a_wait_is_read_of_every_answer_a_delivered_one_too() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", HeaderValue::from_static("7"));
    let workload = Workload::of(Resolution::K4);
    for (status, body, class) in [
        (
            StatusCode::OK,
            r#"{"data":[{"b64_json":"AA=="}]}"#,
            Class::Delivered,
        ),
        (StatusCode::OK, "{}", Class::NoImage),
        (StatusCode::SERVICE_UNAVAILABLE, "", Class::Unavailable),
    ] {
        let facts = AnswerFacts::read(&headers, body.as_bytes(), true);
        let head = Head::new(status, &headers, &workload);
        let classification = DefaultClassifier.body(&head, body.as_bytes(), &facts);
        assert_eq!(classification.class, class);
        assert_eq!(
            classification.wait,
            Some(Duration::from_secs(7)),
            "{class:?}"
        );
    }
}

/// Holds every answer for an overload.
#[derive(Clone)]
struct Gloomy;

impl Classifier for Gloomy {
    fn body(&self, _: &Head<'_>, _: &[u8], _: &AnswerFacts) -> Classification {
        Classification::of(Class::Overloaded)
    }
}

#[tokio::test]
async fn layer_and_service_take_a_classifier_alike() {
    let policy = ClassifyPolicy::default();
    let service = service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, Infallible>(json(MockBody::of(["{}"])))
    });
    let layered = ClassifyLayer::new(policy).unwrap().with_classifier(Gloomy);
    let alone = Classify::new(service, policy).unwrap();
    for judging in [layered.layer(service), alone.with_classifier(Gloomy)] {
        let response = judging.oneshot(Request::new(Empty::new())).await.unwrap();
        let attempt: &Attempt = response.extensions().get().unwrap();
        assert_eq!(ended(attempt), (End::Finished, Class::Overloaded));
    }
}

#[test]
fn a_peek_limit_of_zero_is_refused() {
    let policy = ClassifyPolicy {
        peek_limit: 0,
        ..ClassifyPolicy::default()
    };
    assert_eq!(
        ClassifyLayer::new(policy).unwrap_err().field(),
        "peek_limit"
    );
}

proptest! {
    #[test]
    fn any_answer_has_a_class(
        status in 100_u16..1000,
        body in proptest::collection::vec(any::<u8>(), 0..200),
        header in proptest::collection::vec(32_u8..127, 0..40),
        complete: bool,
        recognised: bool,
    ) {
        let workload = Workload {
            recognised,
            ..Workload::default()
        };
        let mut headers = HeaderMap::new();
        for name in [
            "retry-after", "retry-after-ms", "content-type", "content-encoding", "date", "server",
            "proxy-status", "x-comfy-error-type", "x-request-id",
        ] {
            headers.insert(name, HeaderValue::from_bytes(&header).unwrap());
        }
        let head = Head {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            workload: &workload,
            waited: None,
        };
        let _ = DefaultClassifier.head(&head);
        let facts = AnswerFacts::read(&headers, &body, complete);
        let _ = DefaultClassifier.body(&head, &body, &facts);
        let _ = DefaultClassifier.passed(&EndOfStream::new(head.status, &workload, &facts));
    }
}
