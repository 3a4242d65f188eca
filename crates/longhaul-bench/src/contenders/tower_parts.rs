//! tower's own timeout and retry, and what one would build of them for calls like these.
//!
//! Comparing a stack with a bare timeout would compare duties and not code. So the four duties (a timeout by size,
//! retry, one record for each attempt, a header) are also built from tower's parts, each as cheap as it can be made.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use longhaul::BoxError;
use tokio::time::{Instant, Sleep, sleep};
use tower::{
    Service, ServiceBuilder,
    retry::{Policy, Retry},
    timeout::{Timeout, future::ResponseFuture},
};

use super::{Call, Contender, Mock, names};

/// By this header the caller says how large the picture is to be.
pub(super) const SIZE: HeaderName = HeaderName::from_static("x-size");

const KEY: HeaderName = HeaderName::from_static("idempotency-key");

const USUAL: Duration = Duration::from_secs(300);
const LONG: Duration = Duration::from_secs(600);

pub(super) fn contenders(mock: &Mock) -> [Contender; 3] {
    let timeout = Timeout::new(mock.clone(), USUAL);
    let retry = Retry::new(Attempts(3), timeout.clone());
    let records = Records::default();
    let duties = four_duties(mock.clone(), records.clone());
    [
        Contender::new("tower-timeout", "tower: `Timeout`", timeout),
        Contender::new(names::TOWER_RETRY, "tower: `Retry(Timeout)`", retry),
        Contender::new(
            names::TOWER_PARTS,
            "the four duties from tower's parts",
            duties,
        )
        .forgetting(move || records.lock().clear()),
    ]
}

/// A timeout by size, retry, one record per attempt, and a header on every request.
///
/// Its header has a constant value, its size is told by the caller and not read from the body, and its record
/// holds two times and a status: each as cheap as it can be.
fn four_duties<E: Into<BoxError>>(
    mock: impl Service<Call, Response = Response<Body>, Error = E> + Clone + 'static,
    records: Records,
) -> impl Service<Call, Response = Response<Body>> {
    ServiceBuilder::new()
        .map_request(|mut call: Call| {
            let key = HeaderValue::from_static("0192d3a4-5b6c-7d8e-9f00-112233445566");
            call.headers_mut().insert(KEY, key);
            call
        })
        .retry(Attempts(3))
        .map_future(move |attempt| {
            let records = records.clone();
            async move {
                let place = records.open();
                let ended: Result<Response<Body>, BoxError> = attempt.await;
                let status = ended.as_ref().ok().map(Response::<Body>::status);
                records.close(place, status);
                ended
            }
        })
        .layer_fn(BySize::new)
        .service(mock)
}

type Body = http_body_util::Full<bytes::Bytes>;

/// So many attempts in all, five seconds apart.
#[derive(Clone, Debug)]
struct Attempts(u32);

impl<B> Policy<Call, Response<B>, BoxError> for Attempts {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Call, ended: &mut Result<Response<B>, BoxError>) -> Option<Sleep> {
        let again = match ended {
            Ok(answer) => answer.status().is_server_error(),
            Err(_) => true,
        };
        self.0 = self.0.saturating_sub(1);
        (again && self.0 > 0).then(|| sleep(Duration::from_secs(5)))
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

/// tower's timeout has one limit; two of them and a choice make one by size.
#[derive(Clone, Debug)]
struct BySize<S> {
    usual: Timeout<S>,
    long: Timeout<S>,
}

impl<S: Clone> BySize<S> {
    fn new(inner: S) -> Self {
        Self {
            usual: Timeout::new(inner.clone(), USUAL),
            long: Timeout::new(inner, LONG),
        }
    }
}

impl<S, B> Service<Request<B>> for BySize<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.usual.poll_ready(cx) {
            Poll::Ready(Ok(())) => self.long.poll_ready(cx),
            unready => unready,
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let is_long = request.headers().get(SIZE).is_none_or(|size| size == "4K");
        let timeout = if is_long {
            &mut self.long
        } else {
            &mut self.usual
        };
        timeout.call(request)
    }
}

/// One entry per attempt.
#[derive(Clone, Debug, Default)]
struct Records(Arc<Mutex<Vec<Record>>>);

#[derive(Debug)]
struct Record {
    _opened: Instant,
    _closed: Option<(Instant, Option<StatusCode>)>,
}

impl Records {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> usize {
        let mut records = self.lock();
        records.push(Record {
            _opened: Instant::now(),
            _closed: None,
        });
        records.len() - 1
    }

    fn close(&self, place: usize, status: Option<StatusCode>) {
        if let Some(record) = self.lock().get_mut(place) {
            record._closed = Some((Instant::now(), status));
        }
    }
}
