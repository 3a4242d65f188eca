//! The services that are measured side by side, all around the same mock.
//!
//! A contender is boxed behind one trait, so that one loop drives all of them and pays the same for each. All answer
//! from the same mock, and what a contender collects (a ledger, records) is thrown away between rounds.

mod mock;
mod operation;
mod ours;
mod resilience;
mod tower_parts;

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

pub(crate) use self::mock::{Answering, Mock};
use self::operation::Operation;

/// A request as callers have it.
pub(crate) type Call = Request<Full<Bytes>>;

/// An operation that runs; `true` is an answer that was read to its end.
pub(crate) type Running = Pin<Box<dyn Future<Output = bool>>>;

/// A service that is measured.
pub(crate) struct Contender {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Its name in tables.
    pub(crate) title: &'static str,
    service: Box<dyn Measured>,
    forget: Box<dyn FnMut()>,
}

/// Which of them.
pub(crate) mod names {
    pub(crate) const BARE: &str = "bare";
    pub(crate) const TOWER_RETRY: &str = "tower-retry";
    pub(crate) const RESILIENCE: &str = "tower-resilience";
    pub(crate) const TOWER_PARTS: &str = "tower-parts";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const STACK: &str = "stack";
    pub(crate) const STACK_TOLD: &str = "stack-told";
}

/// All of them, around mocks that answer like this.
pub(crate) fn all(answering: &Answering) -> Vec<Contender> {
    let mock = Mock::new(answering.clone());
    let mut all = vec![Contender::new(names::BARE, "bare service", mock.clone())];
    all.extend(tower_parts::contenders(&mock));
    all.push(resilience::contender(&mock));
    all.extend(ours::contenders(&mock));
    all
}

/// The one of this name.
pub(crate) fn one(name: &str, answering: &Answering) -> Result<Contender, String> {
    let mut all = all(answering);
    let names: Vec<_> = all.iter().map(|contender| contender.name).collect();
    match all.iter().position(|contender| contender.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => Err(format!(
            "no contender is called `{name}`; there are {}",
            names.join(", ")
        )),
    }
}

/// A JSON body of about this many bytes, most of them one text of base64.
pub(crate) fn body(length: usize) -> Bytes {
    const BEFORE: &str = r#"{"model":"gpt-image-2","size":"2048x2048","prompt":"a hat","image":""#;
    const AFTER: &str = "\"}";
    let mut text = String::with_capacity(length.max(BEFORE.len() + AFTER.len()));
    text.push_str(BEFORE);
    text.extend(std::iter::repeat_n(
        'A',
        length.saturating_sub(BEFORE.len() + AFTER.len()),
    ));
    text.push_str(AFTER);
    text.into()
}

/// A call with five headers.
pub(crate) fn call(body: &Bytes) -> Call {
    Request::post("https://api.example/v1/images/generations")
        // Values that are cloned without an allocation, as those of a client's constant headers are.
        .header("content-type", HeaderValue::from_static("application/json"))
        .header("accept", HeaderValue::from_static("application/json"))
        .header("authorization", HeaderValue::from_static("Bearer none"))
        .header("user-agent", HeaderValue::from_static("longhaul-bench"))
        .header(tower_parts::SIZE, HeaderValue::from_static("2K"))
        .body(Full::new(body.clone()))
        .expect("its parts are valid")
}

/// Calls that share one body.
pub(crate) fn calls(body: &Bytes, count: usize) -> Vec<Call> {
    (0..count).map(|_| call(body)).collect()
}

impl Contender {
    fn new<S, B>(name: &'static str, title: &'static str, service: S) -> Self
    where
        S: Service<Call, Response = Response<B>> + 'static,
        S::Future: 'static,
        B: Body + 'static,
    {
        Self {
            name,
            title,
            service: Box::new(service),
            forget: Box::new(|| {}),
        }
    }

    /// Has its records thrown away by this between measurements.
    fn forgetting(mut self, forget: impl FnMut() + 'static) -> Self {
        self.forget = Box::new(forget);
        self
    }

    /// Starts one and polls it once; its future lies on the heap, as a task's does.
    pub(crate) fn start(&mut self, call: Call) -> Running {
        self.service.start(call)
    }

    /// Runs each to its end, one after the other.
    ///
    /// Must be called where tokio's timers work.
    pub(crate) fn pass(&mut self, calls: Vec<Call>) {
        self.service.pass(calls);
    }

    /// Throws away what it has recorded.
    pub(crate) fn forget(&mut self) {
        (self.forget)();
    }
}

/// A service whose type is forgotten once for many operations, so that it costs none of them anything.
trait Measured {
    fn start(&mut self, call: Call) -> Running;
    fn pass(&mut self, calls: Vec<Call>);
}

impl<S, B> Measured for S
where
    S: Service<Call, Response = Response<B>>,
    S::Future: 'static,
    B: Body + 'static,
{
    fn start(&mut self, call: Call) -> Running {
        let mut running = Box::pin(begin(self, call));
        assert!(
            poll(running.as_mut()).is_pending(),
            "nobody has answered yet"
        );
        running
    }

    fn pass(&mut self, calls: Vec<Call>) {
        for call in calls {
            let mut operation = pin!(begin(self, call));
            let delivered = loop {
                if let Poll::Ready(delivered) = poll(operation.as_mut()) {
                    break delivered;
                }
            };
            assert!(delivered, "the mock always answers");
        }
    }
}

fn begin<S, B>(service: &mut S, call: Call) -> Operation<S::Future, B>
where
    S: Service<Call, Response = Response<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let ready = service.poll_ready(&mut cx);
    assert!(
        matches!(ready, Poll::Ready(Ok(()))),
        "the mock is always ready"
    );
    Operation::new(service.call(call))
}

/// Polls once, without a runtime's turn in between: that would be measured too.
pub(crate) fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
