//! The layer itself: what reaches the inner service, when, and what is left behind.

mod caps;
mod policy;

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Waker},
};

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{
    attempt::Attempt,
    body::{Replay, ReplayBody},
    config::ConfigError,
    detect::{DetectPolicy, DetectWorkload, DetectWorkloadLayer},
    error::{BoxError, Error, ErrorKind},
    mock::{MockBody, Step},
    model::{Resolution, Workload},
};

const SIZE: HeaderName = HeaderName::from_static("x-longhaul-size");

type Sent<B> = Request<ReplayBody<B>>;

/// Sends `request` through a layer of `policy`; returned is what came out below.
async fn pass<B>(policy: DetectPolicy, request: Request<B>) -> Result<Sent<B>, Error>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    let echo = service_fn(async |request: Sent<B>| Ok::<_, BoxError>(request));
    DetectWorkload::new(echo, policy)
        .unwrap()
        .oneshot(request)
        .await
}

fn request(body: &'static str) -> Request<Full<Bytes>> {
    Request::post("/v1/images/generations")
        .body(Full::from(body))
        .unwrap()
}

fn naming_sizes() -> DetectPolicy {
    DetectPolicy {
        header: Some(SIZE),
        ..DetectPolicy::default()
    }
}

fn resolution<B>(request: &Request<B>) -> Resolution {
    request
        .extensions()
        .get::<Workload>()
        .expect("a workload")
        .resolution
}

#[tokio::test]
async fn every_byte_passes_and_is_not_copied() {
    let data = Bytes::from(br#"{"size": "4K", "prompt": "a hat"}"#.to_vec());
    let request = Request::post("/v1/images/generations")
        .body(Full::new(data.clone()))
        .unwrap();
    let sent = pass(DetectPolicy::default(), request).await.unwrap();
    assert_eq!(resolution(&sent), Resolution::K4);
    let again = sent.body().try_clone().unwrap();
    for body in [sent.into_body(), again] {
        assert_eq!(body.size_hint().exact(), Some(data.len() as u64));
        let passed = body.collect().await.unwrap().to_bytes();
        assert_eq!(passed.as_ptr(), data.as_ptr());
        assert_eq!(passed, data);
    }
}

#[tokio::test]
async fn a_form_passes_and_no_image_in_it_is_copied() {
    let image = "\u{1}".repeat(20 << 20);
    let data = Bytes::from(format!(
        "--b\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\n\r\n{image}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n2048x2048\r\n--b--\r\n"
    ));
    let request = Request::post("/v1/images/edits")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(Full::new(data.clone()))
        .unwrap();
    let sent = pass(DetectPolicy::default(), request).await.unwrap();
    let workload: &Workload = sent.extensions().get().unwrap();
    assert_eq!(
        (workload.resolution, workload.references),
        (Resolution::K2, 1)
    );
    let again = sent.body().try_clone().unwrap();
    for body in [sent.into_body(), again] {
        let passed = body.collect().await.unwrap().to_bytes();
        assert_eq!(passed.as_ptr(), data.as_ptr());
        assert_eq!(passed.len(), data.len());
    }
}

#[tokio::test]
async fn the_word_of_the_caller_wins() {
    let mut with_workload = request(r#"{"size":"4K"}"#);
    let said = Workload::of(Resolution::K1)
        .with_model("mine")
        .with_images(2);
    with_workload.extensions_mut().insert(said.clone());
    with_workload
        .headers_mut()
        .insert(SIZE, "2K".parse().unwrap());
    let sent = pass(naming_sizes(), with_workload).await.unwrap();
    assert_eq!(sent.extensions().get(), Some(&said));
    assert!(
        !sent.headers().contains_key(SIZE),
        "it is not for the provider"
    );
    assert!(sent.body().is_replayable());
}

#[tokio::test]
async fn the_callers_header_wins_over_the_body_and_is_removed() {
    for (values, expected) in [
        (&["2K"][..], Resolution::K2),
        (&["4096x4096"], Resolution::K4),
        (&["1K", "2K"], Resolution::K2),
        (&["1K", "large"], Resolution::Unknown),
        (&["auto"], Resolution::Unknown),
        (&["auto", "1K"], Resolution::Unknown),
        (&["\u{e9}"], Resolution::Unknown),
        (&[], Resolution::K1),
    ] {
        let mut request = request(r#"{"size":"1024x1024","n":2,"model":"m"}"#);
        for value in values {
            request.headers_mut().append(SIZE, value.parse().unwrap());
        }
        let sent = pass(naming_sizes(), request).await.unwrap();
        assert!(!sent.headers().contains_key(SIZE));
        let mut workload = Workload::of(expected).with_model("m").with_images(2);
        workload.recognised = true;
        assert_eq!(sent.extensions().get(), Some(&workload), "{values:?}");
    }
}

#[tokio::test]
async fn a_header_that_the_policy_does_not_name_passes() {
    let mut request = request(r#"{"size":"1K"}"#);
    request.headers_mut().insert(SIZE, "4K".parse().unwrap());
    let sent = pass(DetectPolicy::default(), request).await.unwrap();
    assert_eq!(sent.headers()[SIZE], "4K");
    assert_eq!(resolution(&sent), Resolution::K1);
}

#[tokio::test]
async fn no_attempt_is_begun_here() {
    let sent = pass(DetectPolicy::default(), request("{}")).await.unwrap();
    assert!(sent.extensions().get::<Attempt>().is_none());
}

#[tokio::test]
async fn the_inner_service_is_never_called_when_the_body_fails() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let inner = service_fn(move |_: Sent<MockBody>| {
        counted.fetch_add(1, SeqCst);
        async { Ok::<_, BoxError>(()) }
    });
    let service = DetectWorkloadLayer::default().layer(inner);
    let error = service
        .oneshot(Request::new(MockBody::new([
            Step::Pending,
            Step::Fail("the disk is gone"),
        ])))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RequestBody);
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "the disk is gone"
    );
    assert_eq!(calls.load(SeqCst), 0);
}

#[tokio::test]
async fn errors_of_the_inner_service_pass() {
    let ours =
        service_fn(async |_: Sent<Full<Bytes>>| Err::<(), _>(Error::new(ErrorKind::NotStarted)));
    let service = DetectWorkloadLayer::default().layer(ours);
    let error = service.oneshot(request("{}")).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotStarted);
}

#[tokio::test]
async fn a_future_dropped_at_any_poll_leaves_nothing_behind() {
    let layer = DetectWorkloadLayer::default();
    // Polls of the whole: two while it reads, one that reads and calls, two while the call waits.
    for polls in 0..=6 {
        let alive = Arc::new(());
        let inner = service_fn(|request: Sent<MockBody>| {
            let alive = alive.clone();
            async move {
                let _alive = (alive, request);
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                Ok::<_, BoxError>(())
            }
        });
        let mut service = layer.layer(inner);
        let body = MockBody::new([Step::Pending, Step::Pending, Step::data("{}")]);
        let service = service.ready().await.unwrap();
        let mut future = Box::pin(service.call(Request::new(body)));
        let mut cx = Context::from_waker(Waker::noop());
        for poll in 1..=polls {
            let done = future.as_mut().poll(&mut cx).is_ready();
            assert_eq!(done, poll >= 5, "poll {poll}");
            if done {
                break;
            }
            assert_eq!(layer.retained_bytes(), if poll >= 3 { 2 } else { 0 });
        }
        drop(future);
        assert_eq!(layer.retained_bytes(), 0, "after {polls} polls");
        assert_eq!(Arc::strong_count(&alive), 1, "after {polls} polls");
    }
}

#[test]
fn readiness_is_the_inner_services_and_goes_with_the_call() {
    let (mock, mut handle) = tower_test::mock::pair::<Sent<Full<Bytes>>, ()>();
    let mut service = DetectWorkloadLayer::default().layer(mock);
    let mut cx = Context::from_waker(Waker::noop());
    handle.allow(0);
    assert!(service.poll_ready(&mut cx).is_pending());
    handle.allow(1);
    assert!(service.poll_ready(&mut cx).is_ready());
    // The mock panics when it is called unready.
    let mut future = pin!(service.call(request("{}")));
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert!(
        service.poll_ready(&mut cx).is_pending(),
        "readiness is not cloned"
    );
}

#[test]
fn what_is_send_below_is_send_above() {
    fn is_send<T: Send>(_: T) {}
    let inner = service_fn(async |_: Sent<Full<Bytes>>| Ok::<_, BoxError>(()));
    is_send(
        DetectWorkloadLayer::default()
            .layer(inner)
            .call(request("{}")),
    );
}
