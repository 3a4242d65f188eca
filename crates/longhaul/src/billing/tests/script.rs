//! What a test plays: a service whose answer comes step by step, and a ledger that takes its time.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use tower::Service;

use crate::{
    attempt::Attempt,
    billing::{
        BillingCompensationTracker, BillingPolicy, Closing, Entry, Ledger, MemoryLedger,
        MemorySlot, Opening, ResponseFuture, Slot,
    },
    error::BoxError,
    mock::{MockBody, MockClient, Step},
    model::{Money, PriceRow, Resolution, Workload},
};

pub(super) const PRICE: Money = Money::usd_micros(240_000);

pub(super) fn policy() -> BillingPolicy {
    BillingPolicy::with_prices(vec![row("*", "*", None, PRICE.micros, "USD")])
}

pub(super) fn row(
    provider: &str,
    model: &str,
    resolution: Option<Resolution>,
    price_micros: i64,
    currency: &str,
) -> PriceRow {
    let price = Money {
        micros: price_micros,
        currency: currency.parse().unwrap(),
    };
    let mut row = PriceRow::new(provider, model, price);
    row.resolution = resolution;
    row
}

pub(super) fn request() -> Request<Empty<Bytes>> {
    let mut request = Request::post("https://user:pass@API.example.com/v1/images?key=secret")
        .body(Empty::new())
        .unwrap();
    request
        .extensions_mut()
        .insert(Workload::of(Resolution::K4).with_model("banana"));
    request
}

/// Pending as often as told.
pub(super) struct Pendings(pub(super) usize);

impl Future for Pendings {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Answers after two polls with this status and two pieces of a body.
pub(super) fn answering(status: u16) -> MockClient {
    let piece = Step::data("image");
    let body = [piece.clone(), Step::Pending, piece, Step::Pending];
    MockClient::new(move |_| {
        let answer = Response::builder().status(status);
        let answer = answer.body(MockBody::new(body.clone())).unwrap();
        async {
            Pendings(2).await;
            Ok(answer)
        }
    })
}

/// A body of one piece, at which its connection breaks.
pub(super) fn broken() -> MockBody {
    MockBody::new([Step::data("image"), Step::Break])
}

/// What an opening comes to after some polls.
#[derive(Clone, Copy)]
pub(super) enum Durable {
    After(usize),
    FailsAfter(usize),
    Never,
}

/// A ledger whose openings take polls; it keeps a log of what happens.
#[derive(Clone)]
pub(super) struct SlowLedger {
    pub(super) memory: MemoryLedger,
    pub(super) durable: Durable,
    pub(super) log: Log,
}

pub(super) type Log = Arc<Mutex<Vec<&'static str>>>;

impl SlowLedger {
    pub(super) fn new(durable: Durable) -> Self {
        Self {
            memory: MemoryLedger::new(),
            durable,
            log: Log::default(),
        }
    }

    pub(super) fn log(&self, line: &'static str) {
        self.log.lock().unwrap().push(line);
    }

    pub(super) fn lines(&self, line: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.iter().filter(|&&logged| logged == line).count()
    }
}

impl Ledger for SlowLedger {
    type Slot = LoggedSlot;
    type Opened = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

    fn open(&self, attempt: &Attempt, opening: Opening) -> (Entry<LoggedSlot>, Self::Opened) {
        self.log("open");
        let slot = LoggedSlot {
            inner: self.memory.insert(opening),
            ledger: self.clone(),
        };
        let ledger = self.clone();
        let opened = Box::pin(async move {
            match ledger.durable {
                Durable::After(polls) => Pendings(polls).await,
                Durable::FailsAfter(polls) => {
                    Pendings(polls).await;
                    return Err("disk full".into());
                }
                Durable::Never => std::future::pending().await,
            }
            ledger.log("durable");
            Ok(())
        });
        (Entry::armed(attempt, slot), opened)
    }
}

pub(super) struct LoggedSlot {
    inner: MemorySlot,
    ledger: SlowLedger,
}

impl Slot for LoggedSlot {
    fn close(self, closing: Closing) {
        self.ledger.log("close");
        self.inner.close(closing);
    }
}

/// Calls a tracker around `inner`, which must always be ready, once, with [`request`].
pub(super) fn call<S, L, B>(mut inner: S, ledger: L) -> ResponseFuture<S, Empty<Bytes>, L>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
    L: Ledger,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(inner.poll_ready(&mut cx).is_ready());
    BillingCompensationTracker::new(inner, policy(), ledger)
        .unwrap()
        .call(request())
}

/// Polls `future` so many times, or until it is done, and drops it; whether it was done.
pub(super) fn poll_times(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..polls).any(|_| future.as_mut().poll(&mut cx).is_ready())
}

/// The end of the only entry, which must be closed.
pub(super) fn only(ledger: &MemoryLedger) -> Closing {
    let mut records = ledger.records();
    assert_eq!(records.len(), 1, "one attempt, one entry");
    records.remove(0).closing.expect("closed")
}
