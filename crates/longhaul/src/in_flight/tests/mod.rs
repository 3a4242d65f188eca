mod holding;
mod sharing;
mod waiting;

use std::{
    future::{Future, pending, ready},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::*;
use crate::{
    attempt::{Attempt, Deadline, OperationId},
    error::{Error, ErrorKind},
    mock::{MockBody, MockClient, Step},
    model::{Class, End},
    observe::{Event, Observer},
};

const SECOND: Duration = Duration::from_secs(1);

/// The paths of the calls that came through, in order.
type Called = Arc<Mutex<Vec<String>>>;

/// What the provider below does with every call.
#[derive(Clone, Copy, Default)]
struct Script {
    /// Until the head.
    head: Duration,
    /// Between the two halves of the body.
    body: Duration,
    fails: bool,
    breaks: bool,
    /// Whether it has read and judged the answer by the head, as `Classify` does with a rejected one.
    judged: bool,
}

fn provider(script: Script) -> (MockClient, Called) {
    let called = Called::default();
    let calls = called.clone();
    let client = MockClient::new(move |head| {
        calls.lock().unwrap().push(head.uri.path().to_owned());
        if script.judged
            && let Some(attempt) = head.extensions.get::<Attempt>()
        {
            attempt.finish(End::Finished, Class::Overloaded);
        }
        let half = Step::data("half");
        let then = if script.breaks {
            Step::Break
        } else {
            half.clone()
        };
        let body = MockBody::new([half, Step::Wait(script.body), then]);
        let answer = Response::new(body.telling_its_end());
        async move {
            if !script.head.is_zero() {
                sleep(script.head).await;
            }
            if script.fails {
                return Err("refused".into());
            }
            Ok(answer)
        }
    });
    (client, called)
}

fn in_flight(max_per_host: usize, script: Script) -> (InFlight<MockClient>, Called) {
    let (provider, called) = provider(script);
    let policy = InFlightPolicy {
        max_per_host,
        ..InFlightPolicy::default()
    };
    (InFlightLayer::new(policy).unwrap().layer(provider), called)
}

fn request(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("https://a.example/{path}"))
        .body(Empty::new())
        .unwrap()
}

async fn head(
    service: &InFlight<MockClient>,
    request: Request<Empty<Bytes>>,
) -> Result<Response<ResponseBody<MockBody>>, Error> {
    service.clone().oneshot(request).await
}

/// The service, ready for a call.
async fn readied(service: &mut InFlight<MockClient>) -> &mut InFlight<MockClient> {
    ServiceExt::<Request<Empty<Bytes>>>::ready(service)
        .await
        .unwrap()
}

/// The whole answer.
async fn fetch(
    service: &InFlight<MockClient>,
    request: Request<Empty<Bytes>>,
) -> Result<Bytes, Error> {
    Ok(head(service, request).await?.collect().await?.to_bytes())
}

fn no_place(result: Result<impl Sized, Error>) -> (Duration, usize) {
    match result.err().expect("no place").kind() {
        ErrorKind::QueueTimeout { limit, in_flight } => (*limit, *in_flight),
        other => panic!("{other:?}"),
    }
}

/// Whether a place at `a.example` is free at this moment.
async fn has_place(service: &InFlight<MockClient>, called: &Called) -> bool {
    let mut service = service.clone();
    readied(&mut service).await;
    let before = called.lock().unwrap().len();
    drop(service.call(request("probe")));
    called.lock().unwrap().len() > before
}

/// Polls a future once.
async fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let mut future = Some(future);
    std::future::poll_fn(|cx| Poll::Ready(future.take().unwrap().poll(cx))).await
}

#[test]
fn policies_that_cannot_work_are_refused_by_field() {
    let refused = |change: fn(&mut InFlightPolicy)| {
        let mut policy = InFlightPolicy::default();
        change(&mut policy);
        let error = InFlightLayer::new(policy).unwrap_err();
        error.field().to_owned()
    };
    assert_eq!(refused(|policy| policy.max_per_host = 0), "max_per_host");
    assert_eq!(
        refused(|policy| policy.max_per_host = usize::MAX),
        "max_per_host"
    );
    assert_eq!(
        refused(|policy| policy.queue_timeout = Duration::ZERO),
        "queue_timeout"
    );
}

#[test]
fn policies_are_read_from_files() {
    let read = serde_json::from_str::<InFlightPolicy>;
    assert_eq!(read("{}").unwrap(), InFlightPolicy::default());
    let policy = read(r#"{"max_per_host": 3, "queue_timeout": "90s"}"#).unwrap();
    assert_eq!(
        (policy.max_per_host, policy.queue_timeout),
        (3, 90 * SECOND)
    );
    let written = serde_json::to_string(&policy).unwrap();
    assert_eq!(read(&written).unwrap(), policy);
    assert!(read(r#"{"waits": "90s"}"#).is_err());
    assert!(read(r#"{"wait": 90}"#).is_err());
}

#[test]
fn futures_are_as_sendable_as_what_is_below() {
    fn sendable<T: Send + Sync>(_: &T) {}
    let service = InFlightLayer::default().layer(tower::service_fn(|_: Request<Empty<Bytes>>| {
        ready(Ok::<_, Error>(Response::new(Empty::<Bytes>::new())))
    }));
    let mut ready = service.clone();
    sendable(&service);
    sendable(&ready.call(request("")));
    // And no more is asked for than they need.
    let local = tower::service_fn(|request: Request<Rc<Empty<Bytes>>>| async move {
        pending::<()>().await;
        drop(request);
        Ok::<_, Error>(Response::new(Empty::<Bytes>::new()))
    });
    let mut local = InFlightLayer::default().layer(local);
    drop(local.call(request("").map(Rc::new)));
}
