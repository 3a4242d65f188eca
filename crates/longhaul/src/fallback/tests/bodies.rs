//! Bodies that are held, and bodies that are not; alone, without the stack.

use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::script::*;
use crate::{
    attempt::Attempt,
    body::{Replay, ReplayBody},
    detect::{DetectPolicy, DetectWorkloadLayer},
    error::{BoxError, RetryReport},
    fallback::{FallbackLayer, FallbackPolicy, FallbackReport, FallbackStoppedBy},
    mock::MockBody,
    model::{Class, End},
};

#[tokio::test(start_paused = true)]
async fn it_works_alone_with_a_held_body() {
    let statuses = Arc::new(Mutex::new(vec![200, 503]));
    let hosts = Arc::new(Mutex::new(Vec::new()));
    let seen = hosts.clone();
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        seen.lock()
            .unwrap()
            .push(request.uri().host().unwrap().to_owned());
        let status = statuses.lock().unwrap().pop().unwrap();
        let response = Response::builder().status(status).body(());
        async move { Ok::<_, BoxError>(response.unwrap()) }
    });
    let fallback = layer(FallbackPolicy::to([seedream()]));
    let response = fallback.layer(client).oneshot(request()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(*hosts.lock().unwrap(), ["first.example", "ark.example"]);
}

#[tokio::test(start_paused = true)]
async fn what_streams_cannot_be_written_anew() {
    let client = service_fn(|_: Request<ReplayBody<_>>| async {
        Ok::<_, BoxError>(Response::builder().status(503).body(()).unwrap())
    });
    let detect = DetectPolicy {
        replay_limit: 4,
        ..DetectPolicy::default()
    };
    let fallback = layer(FallbackPolicy::to([seedream()]));
    let stack = DetectWorkloadLayer::new(detect)
        .unwrap()
        .layer(fallback.layer(client));
    let body = MockBody::of(["a long", " prompt"]);
    let response = stack.oneshot(request().map(|_| body)).await.unwrap();
    let report = response.extensions().get::<FallbackReport>().unwrap();
    assert_eq!(report.stopped_by(), FallbackStoppedBy::Body);
}

/// Whatever the attempts before or beside it met: a picture that is here is handed on.
#[tokio::test(start_paused = true)]
async fn a_good_answer_is_handed_on_whatever_the_report_says() {
    let overloaded = Attempt::enter(&mut http::Extensions::new()).0;
    overloaded.finish(End::Finished, Class::Overloaded);
    let report = RetryReport::of([overloaded]);
    let client = service_fn(move |_: Request<Full<Bytes>>| {
        let mut response = Response::new(());
        response.extensions_mut().insert(report.clone());
        async move { Ok::<_, BoxError>(response) }
    });
    let fallback = layer(FallbackPolicy::to([seedream()]));
    let response = fallback.layer(client).oneshot(request()).await.unwrap();
    let report = response.extensions().get::<FallbackReport>().unwrap();
    assert_eq!(report.stopped_by(), FallbackStoppedBy::Class);
    assert_eq!(report.hops().len(), 1);
}

#[test]
fn a_full_body_shows_its_content_and_keeps_it() {
    let body: Full<Bytes> = Full::from(Bytes::from_static(b"hat"));
    assert_eq!(Replay::content(&body), Some(Bytes::from_static(b"hat")));
    assert_eq!(Replay::content(&body), Some(Bytes::from_static(b"hat")));
    assert_eq!(
        Replay::content(&Full::<Bytes>::default()),
        Some(Bytes::new())
    );
}

/// Off, it needs no clone of the request, and calls the very service that was readied.
#[tokio::test]
async fn off_it_passes_everything_on() {
    #[derive(Debug)]
    struct Readied(bool);
    impl Clone for Readied {
        fn clone(&self) -> Self {
            panic!("nothing is cloned while it is off");
        }
    }
    impl Service<Request<Full<Bytes>>> for Readied {
        type Response = Response<()>;
        type Error = BoxError;
        type Future = Ready<Result<Response<()>, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            self.0 = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
            assert!(self.0);
            ready(Ok(Response::new(())))
        }
    }
    let client = FallbackLayer::default().layer(Readied(false));
    client.oneshot(request()).await.unwrap();
}
