//! What the stack copies, holds and allocates: counted, not timed.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use longhaul::{
    BoxError, Stack, StackRequestBody,
    billing::{BillingCompensationTrackerLayer, BillingPolicy, MemoryLedger},
    classify::ClassifyLayer,
    detect::DetectWorkloadLayer,
    http1::ForceHttp1Layer,
    in_flight::InFlightLayer,
    policy::Policy,
    retry::ClassifyingRetryLayer,
    timeout::SizeAwareTimeoutLayer,
};
use tokio::runtime::Runtime;
use tower::{Layer, Service, ServiceExt};

const MB: usize = 1 << 20;

/// JSON of about this length: a few fields around one long text, as requests and answers are.
fn json(before: &str, length: usize, after: &str) -> Bytes {
    let mut text = String::with_capacity(before.len() + length + after.len());
    text.push_str(before);
    text.extend(std::iter::repeat_n('A', length));
    text.push_str(after);
    text.into()
}

fn prompt(length: usize) -> Bytes {
    json(r#"{"size":"4096x4096","prompt":""#, length, "\"}")
}

fn picture(length: usize) -> Bytes {
    json(r#"{"data":[{"b64_json":""#, length, "\"}]}")
}

/// A body in shared pieces of one length.
struct Pieces {
    left: Bytes,
    piece: usize,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let length = self.left.len().min(self.piece);
        let piece = self.left.split_to(length);
        Poll::Ready((length > 0).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

/// A client that takes every request piece by piece and allocates nothing of its own but a boxed future and
/// a header.
#[derive(Clone)]
struct Client {
    answer: Bytes,
    /// How often it is overloaded before it answers.
    overloaded: Arc<AtomicU32>,
}

impl Client {
    fn answering(answer: Bytes) -> Self {
        Self {
            answer,
            overloaded: Arc::default(),
        }
    }

    fn answer(&self) -> Response<Pieces> {
        let overloaded = self
            .overloaded
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
            .is_ok();
        let (status, left) = if overloaded {
            (503, Bytes::from_static(b"{}"))
        } else {
            (200, self.answer.clone())
        };
        Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Pieces {
                left,
                piece: 128 * 1024,
            })
            .unwrap()
    }
}

impl<B> Service<Request<B>> for Client
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Pieces>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Pieces>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = self.clone();
        Box::pin(async move {
            let mut body = std::pin::pin!(request.into_body());
            while let Some(frame) = body.frame().await {
                drop(frame);
            }
            Ok(client.answer())
        })
    }
}

fn request<B>(body: B) -> Request<B> {
    Request::post("https://api.example/v1/images/generations")
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

/// Sends it, reads the answer piece by piece, and returns how long it was.
async fn pass<S, B, C>(service: S, request: Request<B>) -> usize
where
    S: Service<Request<B>, Response = Response<C>>,
    C: Body<Data = Bytes>,
{
    let answer = service.oneshot(request).await.ok().unwrap();
    let mut body = std::pin::pin!(answer.into_body());
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.ok().unwrap().into_data().unwrap().len();
    }
    length
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// What is allocated between the call and the last byte of an answer that is `length` bytes long. Whatever
/// is made once, at the first call, is not counted.
fn allocated<S, B, C>(service: S, body: impl Fn() -> B, length: usize) -> AllocationInfo
where
    S: Service<Request<B>, Response = Response<C>> + Clone,
    C: Body<Data = Bytes>,
{
    let runtime = runtime();
    let mut requests: VecDeque<_> = (0..2).map(|_| request(body())).collect();
    let mut once = || {
        let request = requests.pop_front().unwrap();
        let service = service.clone();
        assert_eq!(runtime.block_on(pass(service, request)), length);
    };
    once();
    measure(once)
}

fn stack() -> Stack {
    Stack::new(Policy::nano_banana_pro()).unwrap()
}

#[test]
fn a_request_body_of_20_mb_is_sent_three_times_without_a_copy() {
    let body = Full::new(prompt(20 * MB));
    let client = Client::answering(picture(MB));
    let length = client.answer.len();
    let runtime = runtime();
    client.overloaded.store(2, Relaxed);
    let service = stack().layer(client.clone());
    let request = request(body);
    let info = measure(|| assert_eq!(runtime.block_on(pass(service, request)), length));
    assert_eq!(client.overloaded.load(Relaxed), 0);
    println!("three attempts of one piece: {info:?}");
    assert!(info.bytes_total < MB as u64 / 4, "{info:?}");
}

#[test]
fn a_request_body_in_pieces_is_put_together_once() {
    let body = prompt(20 * MB);
    let whole = body.len() as u64;
    let body = Pieces {
        left: body,
        piece: 64 * 1024,
    };
    let client = Client::answering(picture(MB));
    let length = client.answer.len();
    let runtime = runtime();
    client.overloaded.store(2, Relaxed);
    let service = stack().layer(client.clone());
    let request = request(body);
    let info = measure(|| assert_eq!(runtime.block_on(pass(service, request)), length));
    println!("three attempts of many pieces: {info:?}");
    assert!(info.bytes_total < whole + MB as u64 / 4, "{info:?}");
}

#[test]
fn an_answer_of_30_mb_is_held_without_a_copy() {
    let passing = |length| {
        let client = Client::answering(picture(length));
        let length = client.answer.len();
        allocated(stack().layer(client), || Full::new(prompt(100)), length)
    };
    let (small, large) = (passing(MB), passing(30 * MB));
    println!("an answer of 30 MB: {large:?}");
    // It is held until it is whole, in the pieces that it came in: a list of them, and not one byte of them.
    assert!(
        large.bytes_total < small.bytes_total + 32 * 1024,
        "{small:?} {large:?}"
    );
    assert!(large.bytes_total < 40 * 1024, "{large:?}");
}

/// What each layer allocates when all goes well, beyond the client alone; what is made once is not counted.
///
/// A call takes minutes: an allocation is worth no machinery, and a bound here only keeps one from growing unseen. Most go
/// into the maps of extensions of request and answer and their entries (workload, handle, report), the ledger's entry with
/// its names, the idempotency key's text, the request's head that is kept for another attempt, the decisions in the report,
/// what is learned of the route, and the reader of the answer.
#[test]
fn the_success_path_allocates_a_known_handful() {
    let body = || Full::new(prompt(100));
    let client = Client::answering(picture(100));
    let long = Client::answering(picture(MB));
    macro_rules! beyond_bare {
        ($layer:expr) => {
            beyond_bare!($layer, client)
        };
        ($layer:expr, $client:ident) => {{
            let length = $client.answer.len();
            let bare = allocated($client.clone(), body, length).count_total;
            allocated($layer.layer($client.clone()), body, length).count_total - bare
        }};
    }
    let tracker =
        BillingCompensationTrackerLayer::new(BillingPolicy::default(), MemoryLedger::new())
            .unwrap();
    // With room for one or two that other versions of the libraries below may need.
    let bounds = [
        (
            "DetectWorkload",
            beyond_bare!(DetectWorkloadLayer::default()),
            7,
        ),
        (
            "ClassifyingRetry",
            beyond_bare!(ClassifyingRetryLayer::default()),
            19,
        ),
        ("InFlight", beyond_bare!(InFlightLayer::default()), 2),
        ("BillingCompensationTracker", beyond_bare!(tracker), 12),
        ("Classify", beyond_bare!(ClassifyLayer::default()), 13),
        (
            "SizeAwareTimeout",
            beyond_bare!(SizeAwareTimeoutLayer::default()),
            9,
        ),
        ("ForceHttp1", beyond_bare!(ForceHttp1Layer::default()), 4),
        ("Stack", beyond_bare!(stack()), 40),
        ("Stack, a long answer", beyond_bare!(stack(), long), 44),
    ];
    for (name, count, _) in bounds {
        println!("{name}: {count} beyond those of the client alone");
    }
    for (name, count, bound) in bounds {
        assert!(
            count <= bound,
            "{name} allocates {count} times, not {bound}"
        );
    }
}

/// Bytes on the heap for each of `count` calls that wait for their heads, all timers armed.
fn in_flight<S>(mut service: S, count: usize) -> i64
where
    S: Service<Request<Full<Bytes>>>,
{
    let runtime = runtime();
    let _entered = runtime.enter();
    let mut futures = Vec::with_capacity(count);
    let mut context = Context::from_waker(std::task::Waker::noop());
    let info = measure(|| {
        for _ in 0..count {
            assert!(service.poll_ready(&mut context).is_ready());
            let mut future = Box::pin(service.call(request(Full::new(prompt(100)))));
            assert!(future.as_mut().poll(&mut context).is_pending());
            futures.push(future);
        }
    });
    info.bytes_current / count as i64
}

#[test]
fn an_operation_in_flight_holds_few_bytes_among_many() {
    let silent = tower::service_fn(async |request: Request<StackRequestBody<Full<Bytes>>>| {
        let mut body = std::pin::pin!(request.into_body());
        while body.frame().await.is_some() {}
        std::future::pending::<Result<Response<Full<Bytes>>, BoxError>>().await
    });
    let bare = tower::service_fn(async |request: Request<Full<Bytes>>| {
        let mut body = std::pin::pin!(request.into_body());
        while body.frame().await.is_some() {}
        std::future::pending::<Result<Response<Full<Bytes>>, BoxError>>().await
    });
    let mut policy = Policy::nano_banana_pro();
    policy.in_flight.max_per_host = 10_000;
    let beyond_bare = |count| {
        let stack = Stack::new(policy.clone()).unwrap();
        in_flight(stack.layer(silent), count) - in_flight(bare, count)
    };
    let (few, many) = (beyond_bare(1_000), beyond_bare(10_000));
    println!("in flight, beyond the client alone: {few} bytes of 1,000, {many} of 10,000");
    assert!(few <= 4_800 && many <= 4_800, "{few} {many}");
    assert!(many <= few + few / 10, "{few} {many}");
}
