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
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use tokio::time::{Instant, Sleep, sleep};
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::*;
use crate::{
    attempt::{Attempt, Deadline, OperationId},
    error::{Error, ErrorKind},
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

/// A provider that panics when it is called without having been polled ready; its clones are not ready.
struct Provider {
    script: Script,
    ready: bool,
    called: Called,
}

impl Clone for Provider {
    fn clone(&self) -> Self {
        Self {
            script: self.script,
            ready: false,
            called: self.called.clone(),
        }
    }
}

impl Service<Request<()>> for Provider {
    type Response = Response<Halves>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Halves>, std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        self.called
            .lock()
            .unwrap()
            .push(request.uri().path().to_owned());
        let script = self.script;
        Box::pin(async move {
            sleep(script.head).await;
            if script.fails {
                return Err(std::io::Error::other("refused"));
            }
            if script.judged
                && let Some(attempt) = request.extensions().get::<Attempt>()
            {
                attempt.finish(End::Finished, Class::Overloaded);
            }
            Ok(Response::new(Halves {
                left: 2,
                pause: Box::pin(sleep(script.body)),
                breaks: script.breaks,
            }))
        })
    }
}

/// A body in two pieces, the second after a pause.
#[derive(Debug)]
struct Halves {
    left: u8,
    pause: Pin<Box<Sleep>>,
    breaks: bool,
}

impl Body for Halves {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 1 {
            std::task::ready!(self.pause.as_mut().poll(cx));
            if self.breaks {
                return Poll::Ready(Some(Err(std::io::Error::other("reset"))));
            }
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"half")))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}

fn provider(script: Script) -> (Provider, Called) {
    let called = Arc::default();
    let provider = Provider {
        script,
        ready: false,
        called: Arc::clone(&called),
    };
    (provider, called)
}

fn in_flight(max_per_host: usize, script: Script) -> (InFlight<Provider>, Called) {
    let (provider, called) = provider(script);
    let policy = InFlightPolicy {
        max_per_host,
        ..InFlightPolicy::default()
    };
    (InFlightLayer::new(policy).unwrap().layer(provider), called)
}

fn request(path: &str) -> Request<()> {
    Request::get(format!("https://a.example/{path}"))
        .body(())
        .unwrap()
}

async fn head(
    service: &InFlight<Provider>,
    request: Request<()>,
) -> Result<Response<ResponseBody<Halves>>, Error> {
    service.clone().oneshot(request).await
}

/// The whole answer.
async fn fetch(service: &InFlight<Provider>, request: Request<()>) -> Result<Bytes, Error> {
    Ok(head(service, request).await?.collect().await?.to_bytes())
}

fn no_place(result: Result<impl Sized, Error>) -> (Duration, usize) {
    match result.err().expect("no place").kind() {
        ErrorKind::QueueTimeout { limit, in_flight } => (*limit, *in_flight),
        other => panic!("{other:?}"),
    }
}

/// Whether a place at `a.example` is free at this moment.
async fn has_place(service: &InFlight<Provider>, called: &Called) -> bool {
    let mut service = service.clone();
    service.ready().await.unwrap();
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
    let service = InFlightLayer::default().layer(tower::service_fn(|_: Request<()>| {
        ready(Ok::<_, Error>(Response::new(Empty::<Bytes>::new())))
    }));
    let mut ready = service.clone();
    sendable(&service);
    sendable(&ready.call(request("")));
    // And no more is asked for than they need.
    let local = tower::service_fn(|request: Request<Rc<()>>| async move {
        pending::<()>().await;
        drop(request);
        Ok::<_, Error>(Response::new(Empty::<Bytes>::new()))
    });
    let mut local = InFlightLayer::default().layer(local);
    drop(local.call(request("").map(Rc::new)));
}
