//! A provider that answers each request after a time of its own, and writes down what came.

use std::sync::{Arc, Mutex};

use http::HeaderMap;

use super::*;
use crate::timeout::TimeoutPolicy;

/// One answer: after so many seconds, this status, this header, this body. Status 0 breaks the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Say(pub u64, pub u16, pub &'static str, pub &'static str);

pub(super) const PICTURE: &str = r#"{"data":[{"b64_json":"AAAA"}]}"#;

const OVERLOADED: &str =
    r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"The model is overloaded."}}"#;

impl Say {
    pub(super) const fn picture(after: u64) -> Self {
        Self(after, 200, "x: y", PICTURE)
    }

    pub(super) const fn status(after: u64, status: u16) -> Self {
        Self(after, status, "x: y", "no")
    }

    pub(super) const fn overloaded(after: u64) -> Self {
        Self(after, 503, "x: y", OVERLOADED)
    }

    pub(super) const fn broken(after: u64) -> Self {
        Self(after, 0, "x: y", "")
    }
}

#[derive(Clone)]
pub(super) struct Script {
    says: Arc<Vec<Say>>,
    pub(super) seen: Arc<Mutex<Vec<(Duration, HeaderMap, Attempt)>>>,
    began: Instant,
    pub(super) layer: ClassifyingRetryLayer,
    pub(super) limits: TimeoutPolicy,
}

impl Script {
    pub(super) fn new(policy: RetryPolicy, says: impl IntoIterator<Item = Say>) -> Self {
        Self {
            says: Arc::new(says.into_iter().collect()),
            seen: Arc::default(),
            began: Instant::now(),
            layer: ClassifyingRetryLayer::new(policy).unwrap(),
            limits: TimeoutPolicy::default(),
        }
    }

    async fn serve(self, request: Request<crate::timeout::RequestBody<Full<Bytes>>>) -> Answer {
        let attempt = request.extensions().get::<Attempt>().unwrap().clone();
        let headers = request.headers().clone();
        request.into_body().collect().await.unwrap();
        let place = {
            let mut seen = self.seen.lock().unwrap();
            seen.push((self.began.elapsed(), headers, attempt));
            seen.len() - 1
        };
        let Say(after, status, header, body) = *self.says.get(place).expect("one request too many");
        sleep(Duration::from_secs(after)).await;
        if status == 0 {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
        }
        let (name, value) = header.split_once(": ").unwrap();
        let response = Response::builder().status(status).header(name, value);
        Ok(response.body(Full::from(body)).unwrap())
    }

    /// Retry over classify over timeout over the script, to the last byte.
    pub(super) async fn call(&self, request: Request<Full<Bytes>>) -> Answered {
        let script = self.clone();
        let client = service_fn(move |request| script.clone().serve(request));
        let client = SizeAwareTimeoutLayer::new(self.limits.clone())
            .unwrap()
            .layer(client);
        let client = ClassifyLayer::new(ClassifyPolicy::default())
            .unwrap()
            .layer(client);
        let (head, body) = self
            .layer
            .layer(client)
            .oneshot(request)
            .await?
            .into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Whole seconds at which requests came.
    pub(super) fn times(&self) -> Vec<u64> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(at, ..)| at.as_secs()).collect()
    }

    /// The time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn header(&self, request: usize, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        Some(seen[request].1.get(name)?.to_str().unwrap().to_owned())
    }

    /// How each attempt ended.
    pub(super) fn ends(&self) -> Vec<(End, Class)> {
        let seen = self.seen.lock().unwrap();
        let outcome = |attempt: &Attempt| attempt.outcome_now().expect("it has ended");
        seen.iter()
            .map(|(_, _, attempt)| (outcome(attempt).end, outcome(attempt).class))
            .collect()
    }
}

type Answer = Result<Response<Full<Bytes>>, BoxError>;

/// How a provider with a replay store says that the call with this key is still running …
pub(super) const IN_FLIGHT: &str = r#"{"error":{"code":"idempotency_in_flight"}}"#;

/// … and that the key was used up.
pub(super) const USED_UP: &str = r#"{"error":{"code":"idempotency_consumed"}}"#;
