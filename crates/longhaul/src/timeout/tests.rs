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
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use tokio::time::{Instant, sleep, sleep_until};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
mod clocks;
mod limits;
mod picture;
mod stalls;

use crate::{
    attempt::{Attempt, Deadline, Transport, Written},
    error::{BoxError, Clock, Error, ErrorKind},
    mock::{MockBody, Step},
    model::{Class, End, Phase, Quality, Resolution, Workload},
};

const SECOND: Duration = Duration::from_secs(1);

/// A body whose frames come each after so many seconds.
fn frames(waits: impl IntoIterator<Item = u64>) -> MockBody {
    MockBody::new(
        waits
            .into_iter()
            .flat_map(|wait| [Step::wait(wait), Step::data("x")]),
    )
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
