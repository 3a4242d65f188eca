//! Callers, and what happens to them.
//!
//! Callers ask one after the other, all sizes, with faults of every kind drawn for each request; some leave in the
//! middle. It is the mixture that finds what single tests do not: an end of one call while another one waits for its
//! place.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul_sim::{Action, Script};
use serde_json::json;
use tokio::{sync::Semaphore, task::JoinSet};
use tower::{Service, ServiceExt};

/// More than have places in flight, so that some wait for one.
const CALLERS: usize = 24;

/// How often what happens, in tenths of a hundred; the rest goes well.
const FAULTS: [(u32, &str); 19] = [
    (60, "overloaded"),
    (30, "unavailable"),
    (20, "rate-limited-ms@20000"),
    (20, "rate-limited-body@20"),
    (10, "quota"),
    (10, "bad-request"),
    (20, "server-error"),
    (20, "gateway-timeout@60"),
    (20, "cloudflare-524@100"),
    (10, "refused"),
    (20, "early"),
    (20, "reset"),
    (20, "reset-reading"),
    (20, "reset@30"),
    (40, "cut@60"),
    (20, "truncated"),
    (20, "stalled"),
    (20, "no-image"),
    (10, "silence"),
];

/// What happens to the requests of a round, one after the other.
pub(super) fn script(rng: &mut fastrand::Rng) -> Script {
    Script::new((0..500).map(|_| draw(rng))).repeating()
}

fn draw(rng: &mut fastrand::Rng) -> Action {
    let mut at = rng.u32(..1000);
    for (share, fault) in FAULTS {
        if at < share {
            let script: Script = fault.parse().expect("a fault of the simulator");
            return script.actions()[0];
        }
        at -= share;
    }
    Action::default()
}

/// The operations of a round.
#[derive(Debug)]
pub(super) struct Load {
    url: String,
    speed: f64,
    operations: u32,
}

/// How many operations ended in which way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    answered: u32,
    failed: u32,
    left: u32,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            answered,
            failed,
            left,
        } = self;
        write!(
            f,
            "({answered} answered, {failed} failed, {left} left by their callers)"
        )
    }
}

enum Ended {
    Answered,
    Failed,
    Left,
}

impl Load {
    pub(super) fn new(url: &str, speed: f64, operations: u32) -> Self {
        Self {
            url: url.to_owned(),
            speed,
            operations,
        }
    }

    /// Makes all operations, and returns when each has ended.
    pub(super) async fn run<C, B>(&self, client: &C, mut rng: fastrand::Rng) -> Tally
    where
        C: Service<Request<Full<Bytes>>, Response = Response<B>, Future: Send>,
        C: Clone + Send + 'static,
        B: Body + Send + Unpin,
    {
        let callers = Arc::new(Semaphore::new(CALLERS));
        let mut calls = JoinSet::new();
        for _ in 0..self.operations {
            let caller = callers
                .clone()
                .acquire_owned()
                .await
                .expect("it is never closed");
            let (request, patience) = (self.request(&mut rng), self.patience(&mut rng));
            let client = client.clone();
            calls.spawn(async move {
                let ended = tokio::time::timeout(patience, call(client, request)).await;
                drop(caller);
                ended.unwrap_or(Ended::Left)
            });
        }
        let mut tally = Tally::default();
        for ended in calls.join_all().await {
            match ended {
                Ended::Answered => tally.answered += 1,
                Ended::Failed => tally.failed += 1,
                Ended::Left => tally.left += 1,
            }
        }
        tally
    }

    /// One in ten callers leaves within two minutes of the provider's time.
    fn patience(&self, rng: &mut fastrand::Rng) -> Duration {
        let leaves = rng.u32(..10) == 0;
        let seconds = if leaves { rng.f64() * 120.0 } else { 86_400.0 };
        Duration::from_secs_f64(seconds / self.speed)
    }

    fn request(&self, rng: &mut fastrand::Rng) -> Request<Full<Bytes>> {
        let size = ["1K", "2K", "4K"][rng.usize(..3)];
        // Some with a reference image.
        let prompt = match rng.u32(..4) {
            0 => "iVBORw0K".repeat(rng.usize(..50_000)),
            _ => "a cat".to_owned(),
        };
        let (path, key, body) = if rng.bool() {
            (
                "/v1beta/models/gemini-3-pro-image:generateContent",
                ("x-goog-api-key", "secret"),
                json!({
                    "contents": [{ "parts": [{ "text": prompt }] }],
                    "generationConfig": { "imageConfig": { "imageSize": size } },
                }),
            )
        } else {
            (
                "/v1/images/generations",
                ("authorization", "Bearer secret"),
                json!({ "model": "nano-banana-pro", "prompt": prompt, "size": size }),
            )
        };
        Request::post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header(key.0, key.1)
            .body(Full::from(body.to_string()))
            .expect("its parts are valid")
    }
}

async fn call<C, B>(client: C, request: Request<Full<Bytes>>) -> Ended
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body + Unpin,
{
    let Ok(response) = client.oneshot(request).await else {
        return Ended::Failed;
    };
    let success = response.status().is_success();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return Ended::Failed;
        }
    }
    if success {
        Ended::Answered
    } else {
        Ended::Failed
    }
}
