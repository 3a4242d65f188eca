use std::{
    convert::Infallible,
    future::{Future, pending},
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::{Instant, sleep, sleep_until};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
mod picture;

use crate::{
    attempt::{Attempt, Deadline, Transport, Written},
    error::{BoxError, Clock, Error, ErrorKind},
    model::{Class, End, Phase, Quality, Resolution, Workload},
};

const SECOND: Duration = Duration::from_secs(1);

/// A body whose frames come each after a wait, or never.
struct Slow {
    frames: Vec<(Duration, Bytes)>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    then_hang: bool,
}

impl Slow {
    fn frames(waits: impl IntoIterator<Item = u64>) -> Self {
        let mut frames: Vec<_> = waits
            .into_iter()
            .map(|wait| (Duration::from_secs(wait), Bytes::from_static(b"x")))
            .collect();
        frames.reverse();
        Self {
            frames,
            sleep: None,
            then_hang: false,
        }
    }

    fn then_hang(mut self) -> Self {
        self.then_hang = true;
        self
    }
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((wait, data)) = self.frames.last().cloned() else {
            return if self.then_hang {
                Poll::Pending
            } else {
                Poll::Ready(None)
            };
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(wait)));
        match sleep.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.sleep = None;
                self.frames.pop();
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
        }
    }
}

fn request<B>(body: B, resolution: Resolution) -> Request<B> {
    let mut request = Request::new(body);
    request.extensions_mut().insert(Workload::of(resolution));
    request
}

/// Reads the request body to its end, as a client does while it writes.
async fn send<B: Body>(body: B) {
    let mut body = Box::pin(body);
    while let Some(Ok(_)) = body.as_mut().frame().await {}
}

fn clock_of(error: &Error) -> Clock {
    match error.kind() {
        ErrorKind::Timeout { clock, .. } => *clock,
        other => panic!("not a timeout: {other:?}"),
    }
}

async fn call<S, B, R>(service: S, request: Request<B>) -> Result<Response<ResponseBody<R>>, Error>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: Body,
    R: Body,
    R::Error: Into<BoxError>,
{
    SizeAwareTimeoutLayer::default()
        .layer(service)
        .oneshot(request)
        .await
}

/// The rows of the guide's table of timeouts by resolution, the row of an unknown size among them.
#[tokio::test(start_paused = true)]
async fn the_head_may_take_as_long_as_its_resolution_allows() {
    for (resolution, limit) in [
        (Resolution::K1, 300),
        (Resolution::K2, 300),
        (Resolution::K4, 600),
        (Resolution::Unknown, 600),
    ] {
        let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
            send(request.into_body()).await;
            pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
        });
        let began = Instant::now();
        let error = call(silent, request(Full::from("{}"), resolution))
            .await
            .unwrap_err();
        assert_eq!(began.elapsed().as_secs(), limit, "{resolution}");
        assert_eq!(clock_of(&error), Clock::Picture);
        assert_eq!(error.phase(), Some(Phase::Head));
        assert_eq!(error.class(), Class::UnknownOutcome);
    }
}

/// The rows of the guide's table of timeouts by network, each against a small and a large picture: the
/// longer row counts.
#[test]
fn the_longer_of_size_row_and_network_row_counts() {
    for (network, k1, k4) in [
        (None, 300, 600),
        (Some(Network::DataCentre), 300, 600),
        (Some(Network::Broadband), 600, 600),
        (Some(Network::CrossBorder), 600, 600),
        (Some(Network::PeakHours), 600, 600),
    ] {
        let limits = TimeoutPolicy {
            network,
            ..TimeoutPolicy::default()
        };
        let head = |resolution| limits.picture_for(&Workload::of(resolution)).as_secs();
        assert_eq!(head(Resolution::K1), k1, "{network:?}");
        assert_eq!(head(Resolution::K2), k1, "{network:?}");
        assert_eq!(head(Resolution::K4), k4, "{network:?}");
        assert_eq!(head(Resolution::Unknown), k4, "{network:?}");
    }
}

/// What is added to the head is off by default, so that the guide's table stays as it is.
#[test]
fn the_head_grows_with_references_further_images_and_quality_where_the_limits_say_so() {
    let large = Workload::of(Resolution::K4)
        .with_references(14)
        .with_images(4)
        .with_quality(Quality::High);
    assert_eq!(TimeoutPolicy::default().picture_for(&large), 600 * SECOND);

    let limits = TimeoutPolicy {
        per_reference: 10 * SECOND,
        per_extra_image: 60 * SECOND,
        high_quality: 120 * SECOND,
        ..TimeoutPolicy::default()
    };
    limits.validate().unwrap();
    let plain = || Workload::of(Resolution::K1);
    for (workload, seconds) in [
        (plain(), 300),
        (plain().with_references(1), 310),
        (plain().with_images(0), 300),
        (plain().with_images(3), 300 + 2 * 60),
        (plain().with_quality(Quality::Low), 300),
        (plain().with_quality(Quality::Medium), 300),
        (plain().with_quality(Quality::High), 420),
        (large, 600 + 14 * 10 + 3 * 60 + 120),
        (Workload::default(), 600),
        (
            plain().with_references(u32::MAX).with_images(u32::MAX),
            300 + 10 * u64::from(u32::MAX) + 60 * u64::from(u32::MAX - 1),
        ),
    ] {
        let head = limits.picture_for(&workload);
        assert_eq!(head.as_secs(), seconds, "{workload:?}");
        assert_eq!(limits.timeouts(&workload).picture, Some(head));
    }

    let endless = TimeoutPolicy {
        per_reference: Duration::MAX,
        ..TimeoutPolicy::default()
    };
    let two = plain().with_references(2);
    assert_eq!(endless.picture_for(&two), Duration::MAX);

    let scaled = limits.scaled(0.01);
    assert_eq!(scaled.per_reference.as_millis(), 100);
    assert_eq!(scaled.per_extra_image.as_millis(), 600);
    assert_eq!(scaled.high_quality.as_millis(), 1_200);
}

#[tokio::test(start_paused = true)]
async fn more_images_than_anybody_makes_are_waited_for_until_the_operations_deadline() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let limits = TimeoutPolicy {
        per_extra_image: 365 * 24 * 3_600 * SECOND,
        ..TimeoutPolicy::default()
    };
    let mut request = Request::new(Full::from("{}"));
    let workload = Workload::of(Resolution::K1).with_images(u32::MAX);
    request.extensions_mut().insert(workload);
    request
        .extensions_mut()
        .insert(Deadline::after(1_000 * SECOND));
    let began = Instant::now();
    let error = SizeAwareTimeoutLayer::new(limits)
        .unwrap()
        .layer(silent)
        .oneshot(request)
        .await
        .unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 1_000);
    assert_eq!(clock_of(&error), Clock::Operation);
}

#[cfg(feature = "toml")]
#[test]
fn what_is_added_to_the_head_is_read_and_written() {
    let text = "per_reference = '10s'\nper_extra_image = '1m'\nhigh_quality = '2m'";
    let limits: TimeoutPolicy = toml::from_str(text).unwrap();
    let expected = TimeoutPolicy {
        per_reference: 10 * SECOND,
        per_extra_image: 60 * SECOND,
        high_quality: 120 * SECOND,
        ..TimeoutPolicy::default()
    };
    assert_eq!(limits, expected);
    let written = toml::to_string(&limits).unwrap();
    assert_eq!(toml::from_str::<TimeoutPolicy>(&written).unwrap(), expected);
    for wrong in [
        "per_references = '1s'",
        "per_reference = 10",
        "high_quality = '-1s'",
    ] {
        assert!(toml::from_str::<TimeoutPolicy>(wrong).is_err(), "{wrong}");
    }
}

/// The guide's table of timeouts by phase that this layer keeps: write 30 s, read 600 s.
#[test]
fn the_default_clocks_are_those_of_the_guide() {
    let clocks = TimeoutPolicy::default().timeouts(&Workload::default());
    assert_eq!(clocks.start, 20 * SECOND);
    assert_eq!(clocks.write_progress, 30 * SECOND);
    assert_eq!(clocks.picture, Some(600 * SECOND));
    assert_eq!(clocks.at_limit, None);
    assert_eq!(clocks.silence, 120 * SECOND);
    assert_eq!(clocks.attempt, None);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_begins_to_leave_ends_after_the_start_limit_as_never_sent() {
    let stuck = service_fn(async |_request: Request<RequestBody<Full<Bytes>>>| {
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let began = Instant::now();
    let error = call(stuck, request(Full::from("{}"), Resolution::K1))
        .await
        .unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 20);
    assert_eq!(clock_of(&error), Clock::Start);
    assert_eq!(error.phase(), Some(Phase::Connect));
    assert_eq!(error.class(), Class::NeverSent);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stops_ends_after_the_write_limit_as_sent_in_part() {
    let slow = service_fn(async |request: Request<RequestBody<Slow>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let began = Instant::now();
    let body = Slow::frames([25, 25, 25]).then_hang();
    let error = call(slow, request(body, Resolution::K1)).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 75 + 30);
    assert_eq!(clock_of(&error), Clock::WriteProgress);
    assert_eq!(error.phase(), Some(Phase::Write));
    assert_eq!(error.class(), Class::SentPartial);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_does_not_eat_the_time_of_the_generation() {
    let service = service_fn(async |request: Request<RequestBody<Slow>>| {
        send(request.into_body()).await;
        sleep(299 * SECOND).await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let body = Slow::frames([25; 20]);
    call(service, request(body, Resolution::K1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_arriving_ends_after_the_idle_limit_as_undelivered() {
    let service = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        Ok::<_, Infallible>(Response::new(Slow::frames([50, 50]).then_hang()))
    });
    let response = call(service, request(Empty::new(), Resolution::K1))
        .await
        .unwrap();
    let attempt = response.extensions().get::<Attempt>().unwrap().clone();
    let began = Instant::now();
    let error = response.into_body().collect().await.err().unwrap();
    assert_eq!(began.elapsed().as_secs(), 100 + 120);
    assert_eq!(clock_of(&error), Clock::Silence);
    let outcome = attempt.outcome().await;
    assert_eq!(
        (outcome.end, outcome.class),
        (End::TimedOut, Class::Undelivered)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_still_arrives_is_not_given_up() {
    let service = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        Ok::<_, Infallible>(Response::new(Slow::frames([50; 20])))
    });
    let response = call(service, request(Empty::new(), Resolution::K1))
        .await
        .unwrap();
    let began = Instant::now();
    response.into_body().collect().await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn the_attempt_limit_spans_head_and_body() {
    let limits = TimeoutPolicy {
        attempt: Some(650 * SECOND),
        ..TimeoutPolicy::default()
    };
    let service = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        sleep(500 * SECOND).await;
        Ok::<_, Infallible>(Response::new(Slow::frames([50; 20])))
    });
    let began = Instant::now();
    let response = SizeAwareTimeoutLayer::new(limits)
        .unwrap()
        .layer(service)
        .oneshot(request(Empty::new(), Resolution::K4))
        .await
        .unwrap();
    let error = response.into_body().collect().await.err().unwrap();
    assert_eq!(began.elapsed().as_secs(), 650);
    assert_eq!(clock_of(&error), Clock::Attempt);
}

#[tokio::test(start_paused = true)]
async fn the_operations_deadline_ends_an_attempt() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let mut request = request(Full::from("{}"), Resolution::K4);
    request
        .extensions_mut()
        .insert(Deadline::after(100 * SECOND));
    let began = Instant::now();
    let error = call(silent, request).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 100);
    assert_eq!(clock_of(&error), Clock::Operation);
}

#[tokio::test(start_paused = true)]
async fn a_request_brings_its_own_limits() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let mut own = TimeoutPolicy::default();
    own.picture.k1 = 3 * SECOND;
    let mut request = request(Full::from("{}"), Resolution::K1);
    request.extensions_mut().insert(own.for_request().unwrap());
    let began = Instant::now();
    let error = call(silent, request).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 3, "nearer than the start limit");
    assert_eq!(clock_of(&error), Clock::Picture);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_same_tick_as_the_expiry_wins() {
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        sleep(300 * SECOND).await;
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    call(service, request(Full::from("{}"), Resolution::K1))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_poll_delivers_what_came_within_the_grace() {
    // The answer is in the socket, but the task that reads it runs only after ours.
    let due = Instant::now() + 340 * SECOND + Duration::from_millis(20);
    let service = service_fn(
        move |request: Request<RequestBody<Full<Bytes>>>| async move {
            send(request.into_body()).await;
            sleep_until(due).await;
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        },
    );
    let mut service = SizeAwareTimeoutLayer::default().layer(service);
    let mut answer = by_hand(service.call(request(Full::from("{}"), Resolution::K1)));
    assert!(answer.poll().is_pending());
    // The runtime stalls for 340 s: the clock is 40 s late when anybody looks at it.
    tokio::time::advance(340 * SECOND).await;
    assert!(answer.poll().is_pending(), "set on, not fired");
    tokio::time::advance(Duration::from_millis(25)).await;
    assert!(matches!(answer.poll(), Poll::Ready(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn a_late_clock_is_set_on_only_once() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let mut service = SizeAwareTimeoutLayer::default().layer(silent);
    let mut answer = by_hand(service.call(request(Full::from("{}"), Resolution::K1)));
    assert!(answer.poll().is_pending());
    tokio::time::advance(340 * SECOND).await;
    assert!(answer.poll().is_pending());
    tokio::time::advance(340 * SECOND).await;
    let Poll::Ready(Err(error)) = answer.poll() else {
        panic!("it did not fire the second time");
    };
    assert_eq!(clock_of(&error), Clock::Picture);
}

/// A future that is polled by hand.
struct Task<F>(Pin<Box<F>>);

fn by_hand<F: Future>(future: F) -> Task<F> {
    Task(Box::pin(future))
}

impl<F: Future> Task<F> {
    fn poll(&mut self) -> Poll<F::Output> {
        self.0
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()))
    }
}

#[derive(Debug, Default)]
struct Wire(Mutex<Written>);

impl Transport for Wire {
    fn written(&self) -> Written {
        *self.0.lock().unwrap()
    }
}

impl Wire {
    fn write(&self, bytes: u64) {
        let mut wire = self.0.lock().unwrap();
        wire.written += bytes;
        wire.last_write = Some(Instant::now());
    }

    fn flush(&self) {
        let mut wire = self.0.lock().unwrap();
        wire.flushed = wire.written;
        wire.flushed_at = Some(Instant::now());
    }
}

#[tokio::test(start_paused = true)]
async fn with_proof_from_below_the_head_clock_starts_at_the_flush() {
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        let attempt = request.extensions().get::<Attempt>().unwrap().clone();
        let wire = Arc::new(Wire::default());
        attempt.connecting();
        attempt.link(wire.clone());
        send(request.into_body()).await;
        wire.write(200);
        sleep(25 * SECOND).await;
        assert_eq!(attempt.phase(), Phase::Write);
        wire.flush();
        assert_eq!(attempt.phase(), Phase::Head);
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let began = Instant::now();
    let error = call(service, request(Full::from("{}"), Resolution::K1))
        .await
        .unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 25 + 300);
    assert_eq!(
        error.attempt().unwrap().timing().flushed.unwrap().as_secs(),
        25
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_written_and_not_flushed_is_sent_in_part() {
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        let attempt = request.extensions().get::<Attempt>().unwrap().clone();
        let wire = Arc::new(Wire::default());
        attempt.link(wire.clone());
        send(request.into_body()).await;
        wire.write(100);
        wire.flush();
        wire.write(100);
        Err::<Response<Empty<Bytes>>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let error = call(service, request(Full::from("{}"), Resolution::K1))
        .await
        .unwrap_err();
    assert_eq!(error.class(), Class::SentPartial);
}

#[tokio::test]
async fn a_request_body_is_handed_on_in_shared_slices() {
    let whole = Bytes::from(vec![7_u8; 200 * 1024]);
    let start = whole.as_ptr() as usize;
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        let mut body = request.into_body();
        let mut slices = Vec::new();
        assert_eq!(body.size_hint().exact(), Some(200 * 1024));
        while let Some(frame) = body.frame().await {
            let slice = frame.unwrap().into_data().unwrap();
            slices.push((slice.as_ptr() as usize, slice.len()));
            let left = 200 * 1024 - slices.iter().map(|(_, len)| len).sum::<usize>();
            assert_eq!(body.size_hint().exact(), Some(left as u64));
            assert_eq!(body.is_end_stream(), left == 0);
        }
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(format!("{slices:?}")))))
    });
    let response = call(service, request(Full::new(whole), Resolution::K1))
        .await
        .unwrap();
    let slices = response.into_body().collect().await.unwrap().to_bytes();
    let k = 64 * 1024;
    let expected = [
        (start, k),
        (start + k, k),
        (start + 2 * k, k),
        (start + 3 * k, 8 * 1024),
    ];
    assert_eq!(slices, format!("{expected:?}"));
}

#[tokio::test]
async fn the_size_hint_and_the_end_of_a_response_body_pass_through() {
    let service = service_fn(async |_: Request<RequestBody<Empty<Bytes>>>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"12345"))))
    });
    let response = call(service, request(Empty::new(), Resolution::K1))
        .await
        .unwrap();
    let mut body = response.into_body();
    assert_eq!(body.size_hint().exact(), Some(5));
    assert!(!body.is_end_stream());
    body.frame().await.unwrap().unwrap();
    assert!(body.is_end_stream());
}

#[tokio::test]
async fn alone_it_gives_each_attempt_its_outcome() {
    let service = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        let status = request.extensions().get::<StatusCode>().copied().unwrap();
        send(request.into_body()).await;
        let mut response = Response::new(Full::new(Bytes::from_static(b"12345")));
        *response.status_mut() = status;
        Ok::<_, BoxError>(response)
    });
    for (status, class) in [
        (StatusCode::OK, Class::Delivered),
        (StatusCode::SERVICE_UNAVAILABLE, Class::Unavailable),
        (StatusCode::UNAUTHORIZED, Class::ClientError),
    ] {
        let mut request = request(Full::from("{}"), Resolution::K1);
        request.extensions_mut().insert(status);
        let response = call(service, request).await.unwrap();
        let attempt = response.extensions().get::<Attempt>().unwrap().clone();
        response.into_body().collect().await.unwrap();
        let outcome = attempt.outcome_now().unwrap();
        assert_eq!((outcome.end, outcome.class), (End::Finished, class));
    }
}

/// Bad limits are refused when they are built, by name.
#[test]
fn zero_and_contradictory_limits_are_refused() {
    type Break = fn(&mut TimeoutPolicy);
    let rows: [(&str, Break); 13] = [
        ("start", |limits| limits.start = Duration::ZERO),
        ("write_progress", |limits| {
            limits.write_progress = Duration::ZERO
        }),
        ("picture.k2", |limits| limits.picture.k2 = Duration::ZERO),
        ("picture.unknown", |limits| limits.picture.unknown = SECOND),
        ("network_picture.broadband", |limits| {
            limits.network_picture.broadband = Duration::ZERO;
        }),
        ("silence", |limits| limits.silence = Duration::ZERO),
        ("start", |limits| limits.start = Duration::MAX),
        ("picture.k4", |limits| limits.picture.k4 = Duration::MAX),
        ("silence", |limits| limits.silence = Duration::MAX),
        ("per_reference", |limits| {
            limits.per_reference = Duration::MAX
        }),
        ("attempt", |limits| limits.attempt = Some(Duration::MAX)),
        ("after_timeout", |limits| {
            limits.after_timeout = Some(f64::NAN)
        }),
        ("attempt", |limits| limits.attempt = Some(599 * SECOND)),
    ];
    for (field, spoil) in rows {
        let mut limits = TimeoutPolicy::default();
        spoil(&mut limits);
        assert_eq!(limits.clone().for_request().unwrap_err().field(), field);
        assert_eq!(
            SizeAwareTimeoutLayer::new(limits).unwrap_err().field(),
            field
        );
    }
}

/// Every worker is blocked past the limit; the answer waits in the socket all the time.
#[test]
fn a_stalled_runtime_does_not_throw_away_an_answer_that_is_here() {
    use std::sync::mpsc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (listening, address) = mpsc::channel();
    let (stalled, write_now) = mpsc::channel::<()>();
    // A server outside the runtime: it answers while every worker is blocked.
    let server = std::thread::spawn(move || {
        use std::io::Write;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listening.send(listener.local_addr().unwrap()).unwrap();
        let (mut socket, _) = listener.accept().unwrap();
        write_now.recv().unwrap();
        socket.write_all(b"picture").unwrap();
    });
    let address = address.recv().unwrap();
    runtime.block_on(async move {
        let service = service_fn(
            move |request: Request<RequestBody<Full<Bytes>>>| async move {
                send(request.into_body()).await;
                // As in a client: the socket is read by a task of its own.
                let mut socket = tokio::net::TcpStream::connect(address).await?;
                socket.flush().await?;
                let read = tokio::spawn(async move {
                    let mut answer = [0; 7];
                    socket.read_exact(&mut answer).await.map(|_| answer)
                });
                let answer = read.await.map_err(io::Error::other)??;
                Ok::<_, io::Error>(Response::new(Full::new(Bytes::copy_from_slice(&answer))))
            },
        );
        let mut limits = TimeoutPolicy::default();
        limits.picture.k1 = Duration::from_millis(500);
        let service = SizeAwareTimeoutLayer::new(limits).unwrap().layer(service);
        let call = tokio::spawn(service.oneshot(request(Full::from("{}"), Resolution::K1)));
        // Let the call get as far as waiting for the answer, then block both workers.
        sleep(Duration::from_millis(100)).await;
        let stall = || {
            let (free, wait) = mpsc::channel::<()>();
            tokio::spawn(async move { wait.recv_timeout(SECOND).ok() });
            free
        };
        let blocked = [stall(), stall()];
        stalled.send(()).unwrap();
        // This thread is no worker: it waits on the test's side until the limit is long past.
        let _ = mpsc::channel::<()>().1.recv_timeout(SECOND);
        drop(blocked);
        let response = call.await.unwrap().expect("the answer was in the socket");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"picture");
    });
    server.join().unwrap();
}
