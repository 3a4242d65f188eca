//! The layer over the simulated provider, and what a test asks of it.

mod attaching;
mod collected;
mod index;
mod interrupted;
mod kept;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use longhaul::{Stack, policy::Policy};
use longhaul_sim::{Provider, Weight};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};

use self::interrupted::Interrupted;
use super::*;
use crate::{
    caller::Caller,
    config::{KeyConfig, KeyHash},
    detach::DetachLayer,
};

type Service =
    BoxCloneSyncService<Request<Full<Bytes>>, http::Response<ResponseBody>, longhaul::Error>;

/// A provider, the layers over it, and what is remembered.
struct Bench {
    provider: Provider,
    service: Service,
    replays: Replays,
    folder: TempDir,
}

impl Bench {
    fn new(script: &str) -> Self {
        Self::with(script, |_| {})
    }

    fn with(script: &str, change: impl FnOnce(&mut ReplayPolicy)) -> Self {
        Self::at_speed(1.0, script, change)
    }

    fn at_speed(speed: f64, script: &str, change: impl FnOnce(&mut ReplayPolicy)) -> Self {
        Self::with_layer(speed, script, change, |layer| layer)
    }

    fn with_layer(
        speed: f64,
        script: &str,
        change: impl FnOnce(&mut ReplayPolicy),
        finish: impl FnOnce(IdempotentReplayLayer) -> IdempotentReplayLayer,
    ) -> Self {
        let provider = Provider::builder()
            .speed(speed)
            .script(script.parse().unwrap())
            .generation(Duration::from_secs(100))
            .image_weight(Weight::Light)
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut policy = ReplayPolicy::new(folder.path().join("answers"));
        change(&mut policy);
        let layer = IdempotentReplayLayer::new(policy, MemoryIndex::new().unwrap());
        let layer = finish(layer);
        let stack = Stack::new(Policy::nano_banana_pro()).unwrap();
        let inner = DetachLayer::default().layer(stack.layer(provider.clone()));
        Self {
            provider,
            service: BoxCloneSyncService::new(layer.layer(inner)),
            replays: layer.replays(),
            folder,
        }
    }

    async fn ask(&self, asks: Asks<'_>) -> Answered {
        let response = self.service.clone().oneshot(asks.request()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await;
        Answered {
            status: head.status,
            headers: head.headers,
            body: body.map(|body| body.to_bytes()).ok(),
        }
    }

    /// Asks, and leaves after this long.
    async fn leave(&self, asks: Asks<'_>, after: Duration) {
        assert!(timeout(after, self.ask(asks)).await.is_err());
    }

    /// All that runs has ended, and is written down.
    async fn finished(&self) {
        self.replays.idle().await;
        self.replays.0.tasks.reopen();
    }

    fn calls(&self) -> usize {
        self.provider.oracle().entries().len()
    }
}

#[derive(Clone, Copy)]
struct Asks<'a> {
    caller: &'a str,
    key: Option<&'a str>,
    retry: u32,
    prompt: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

const PLAIN: Asks<'static> = Asks {
    caller: "alice",
    key: None,
    retry: 0,
    prompt: "a cat",
    headers: &[],
};

const KEYED: Asks<'static> = Asks {
    key: Some("k"),
    ..PLAIN
};

impl Asks<'_> {
    fn request(&self) -> Request<Full<Bytes>> {
        let body = format!(
            r#"{{"model": "x", "prompt": "{}", "size": "4096x4096"}}"#,
            self.prompt
        );
        let mut request = Request::post("https://sim.example/v1/images/generations")
            .header("content-type", "application/json")
            .header("x-stainless-retry-count", self.retry)
            .extension(caller(self.caller));
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        request.body(Full::from(body)).unwrap()
    }
}

fn caller(name: &str) -> Caller {
    Caller::for_tests(&KeyConfig::new(name, KeyHash([0; 32])))
}

struct Answered {
    status: StatusCode,
    headers: http::HeaderMap,
    body: Option<Bytes>,
}

impl Answered {
    fn picture(&self) -> &Bytes {
        let body = self.body.as_ref().expect("the answer is whole");
        assert_eq!(
            self.status,
            StatusCode::OK,
            "{}",
            String::from_utf8_lossy(body)
        );
        assert!(body.len() > 100_000);
        body
    }

    fn replayed(&self) -> bool {
        self.headers.contains_key("idempotent-replayed")
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_slice(self.body.as_ref().unwrap()).unwrap();
        body["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

const SECONDS: fn(u64) -> Duration = Duration::from_secs;
