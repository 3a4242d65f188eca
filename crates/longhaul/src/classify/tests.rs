mod holding;
mod whole;

use crate::body::PeekedBytes;
use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use proptest::prelude::*;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::{
    attempt::Attempt,
    error::{BoxError, Error, ErrorKind},
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

/// A body of given frames; an `Err` breaks it, the end of the list ends it without a word.
pub(super) struct Frames(VecDeque<Result<Bytes, io::Error>>);

impl Frames {
    pub(super) fn new(frames: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        Self(frames.into_iter().map(|frame| Ok(frame.into())).collect())
    }

    fn then_break(mut self) -> Self {
        self.0.push_back(Err(io::ErrorKind::ConnectionReset.into()));
        self
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.pop_front().map(|frame| frame.map(Frame::data)))
    }
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
        Ok::<_, Infallible>(json(Frames::new(long_picture())))
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
async fn a_long_picture_that_breaks_off_without_a_word_ends_in_an_error() {
    let mut frames = long_picture();
    frames.pop();
    let (attempt, body) = judge(true, Ok(json(Frames::new(frames)))).await;
    let error = body.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Truncated { received } if *received > 120_000));
    assert_eq!(ended(&attempt), (End::Failed, Class::Undelivered));
}

#[tokio::test]
async fn a_short_answer_that_breaks_off_is_undelivered_before_the_caller_sees_a_head() {
    for body in [
        Frames::new([r#"{"data":[{"b64_js"#]),
        Frames::new([r#"{"data":[{"b64_js"#]).then_break(),
    ] {
        let (attempt, body) = judge(true, Ok(json(body))).await;
        assert_eq!(body.unwrap_err().class(), Class::Undelivered);
        assert_eq!(ended(&attempt), (End::Failed, Class::Undelivered));
    }
}

#[tokio::test]
async fn an_error_page_that_breaks_off_still_means_what_its_status_says() {
    let mut response = json(Frames::new([r#"{"error":{"mess"#]).then_break());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let (attempt, body) = judge(true, Ok(response)).await;
    assert!(body.is_err());
    assert_eq!(ended(&attempt), (End::Finished, Class::Unavailable));
}

#[tokio::test]
async fn blanks_before_an_answer_do_not_use_up_the_peek_limit() {
    let mut frames = vec![Bytes::from(vec![b' '; 100_000])];
    frames.push(Bytes::from_static(br#"{"data":[]}"#));
    let (attempt, body) = judge(true, Ok(json(Frames::new(frames)))).await;
    assert_eq!(body.unwrap().len(), 100_011);
    assert_eq!(ended(&attempt), (End::Finished, Class::NoImage));
}

#[tokio::test]
async fn an_event_stream_is_handed_on_unread_and_judged_at_its_end() {
    let stream = |events: &'static str| {
        let mut response = Response::new(Frames::new([events]));
        let value = HeaderValue::from_static("text/event-stream; charset=utf-8");
        response.headers_mut().insert("content-type", value);
        response
    };
    let service = service_fn(async |_: Request<Empty<Bytes>>| {
        Ok::<_, Infallible>(stream("data: {\"a\"\n\n"))
    });
    let response = ClassifyLayer::default()
        .layer(service)
        .oneshot(Request::new(Empty::new()))
        .await
        .unwrap();
    assert!(response.extensions().get::<PeekedBytes>().is_none());

    for (events, class) in [
        ("data: {\"b64_json\":\"AA==\"}\n\n", Class::Delivered),
        ("data: {\"a\"\n\n", Class::NoImage),
        (": nothing of JSON\n\n", Class::Delivered),
    ] {
        let (attempt, body) = judge(true, Ok(stream(events))).await;
        body.unwrap();
        assert_eq!(ended(&attempt), (End::Finished, class));
    }
}

/// A long success that holds no picture, by what was seen of it in passing.
#[tokio::test]
async fn a_long_answer_is_judged_by_what_passed() {
    let filling = "x".repeat(100_000);
    for (body, class) in [
        (
            r#"{"candidates":[{"content":{"parts":[{"text":"FILL"}]},"finishReason":"STOP"}]}"#,
            Class::NoImage,
        ),
        (
            r#"{"a":"FILL","candidates":[{"finishReason":"IMAGE_SAFETY"}]}"#,
            Class::ContentBlocked,
        ),
        (
            r#"{"a":"FILL","error":{"code":503,"message":"The model is overloaded"}}"#,
            Class::Overloaded,
        ),
        (
            r#"{"a":"FILL","data":[{"b64_json":"AA=="}]}"#,
            Class::Delivered,
        ),
    ] {
        let body = Bytes::from(body.replace("FILL", &filling));
        let pieces: Vec<_> = body.chunks(997).map(Bytes::copy_from_slice).collect();
        let (attempt, passed) = judge(true, Ok(json(Frames::new(pieces)))).await;
        assert_eq!(passed.unwrap(), body);
        assert_eq!(ended(&attempt), (End::Finished, class));
        assert_eq!(attempt.evidence().bytes, body.len() as u64);
    }
}

#[tokio::test]
async fn the_ids_of_an_answer_that_nobody_read_to_its_end_are_known() {
    let mut response = json(Frames::new(long_picture()));
    response
        .headers_mut()
        .insert("x-request-id", HeaderValue::from_static("req_1"));
    let answer = std::sync::Mutex::new(Some(response));
    let service = service_fn(|_: Request<Empty<Bytes>>| {
        std::future::ready(Ok::<_, Infallible>(answer.lock().unwrap().take().unwrap()))
    });
    let layer = ClassifyLayer::default();
    let response = layer
        .layer(service)
        .oneshot(Request::new(Empty::new()))
        .await
        .unwrap();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    drop(response);
    assert_eq!(ended(&attempt), (End::Cancelled, Class::Undelivered));
    assert_eq!(&*attempt.evidence().request_ids[0].id, "req_1");
}

#[tokio::test]
async fn of_a_compressed_answer_the_head_decides() {
    for (status, class) in [(200, Class::Delivered), (503, Class::Unavailable)] {
        let mut response = json(Frames::new(["\u{1f}gzip, unread"]));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let value = HeaderValue::from_static("gzip");
        response.headers_mut().insert("content-encoding", value);
        let (attempt, body) = judge(true, Ok(response)).await;
        body.unwrap();
        assert_eq!(ended(&attempt), (End::Finished, class));
    }
}

#[tokio::test]
async fn an_error_is_judged_by_what_was_sent() {
    // Nobody watches the request body here, so nothing is proved but a refused connection.
    for (kind, class) in [
        (io::ErrorKind::ConnectionRefused, Class::NeverSent),
        (io::ErrorKind::HostUnreachable, Class::NeverSent),
        (io::ErrorKind::ConnectionReset, Class::UnknownOutcome),
        (io::ErrorKind::TimedOut, Class::UnknownOutcome),
    ] {
        let error: BoxError = io::Error::from(kind).into();
        let (attempt, result) = judge::<Empty<Bytes>>(true, Err(error)).await;
        assert_eq!(ended(&attempt), (End::Failed, class));
        let error = result.unwrap_err();
        assert_eq!(error.class(), class);
        assert!(
            error.find_source::<io::Error>().is_some(),
            "the cause is kept"
        );
    }
}

#[tokio::test]
async fn dropped_at_any_point_an_attempt_has_one_outcome() {
    // Polled `polls` times and dropped: first the future, then the body.
    for polls in 0..10 {
        let service = service_fn(async |_: Request<Empty<Bytes>>| {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(json(Frames::new(long_picture())))
        });
        let mut request = Request::new(Empty::new());
        let (attempt, _) = Attempt::enter(request.extensions_mut());
        let future = ClassifyLayer::default().layer(service).call(request);
        let mut future = Box::pin(future);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut left = polls;
        let mut body = None;
        while left > 0 && body.is_none() {
            left -= 1;
            if let Poll::Ready(response) = future.as_mut().poll(&mut cx) {
                body = Some(response.unwrap().into_body());
            }
        }
        drop(future);
        if let Some(mut body) = body {
            for _ in 0..left {
                let _ = Pin::new(&mut body).poll_frame(&mut cx);
            }
        }
        let (end, class) = ended(&attempt);
        match polls {
            // Before the head nobody watches the request body: it may have been sent.
            0 | 1 => assert_eq!((end, class), (End::Cancelled, Class::UnknownOutcome)),
            2..=6 => assert_eq!((end, class), (End::Cancelled, Class::Undelivered)),
            // Whoever has the last bracket has all of it.
            _ => assert_eq!((end, class), (End::Finished, Class::Delivered)),
        }
    }
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
