//! A gateway and a simulated provider on loopback, and a client without any layers.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use longhaul::{Money, billing::PriceRow, policy::Policy};
use longhaul_gateway::{
    caller::new_key,
    config::{Cap, Config, KeyConfig, ProviderKey, UpstreamConfig},
    gateway::Gateway,
    server::Server,
};
use longhaul_sim::{Provider, Script, Weight, server::Server as SimServer};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// How many times as fast as real time the provider runs, and policies with it.
pub(crate) const SPEED: f64 = 100.0;

/// Until something that happens within milliseconds has happened, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn provider(script: &str) -> Provider {
    let script: Script = script.parse().unwrap();
    Provider::builder()
        .speed(SPEED)
        .script(script)
        .generation(Duration::from_secs(20))
        .image_weight(Weight::Tiny)
        .build()
        .unwrap()
}

/// The default policy at the provider's speed, with a price for everything.
pub(crate) fn policy() -> Policy {
    let mut policy = Policy::nano_banana_pro().scaled(1.0 / SPEED).unwrap();
    policy.billing.prices = vec![PriceRow::new("*", "*", Money::usd_micros(240_000))];
    policy
}

/// The default policy with a price for everything, for a provider in the time of people.
pub(crate) fn patient_policy() -> Policy {
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![PriceRow::new("*", "*", Money::usd_micros(240_000))];
    policy
}

/// The key of one caller, who may spend so much, and the change to a configuration that lets nobody else in.
pub(crate) fn one_caller(cap: Cap) -> (String, impl FnOnce(&mut Config)) {
    let (key, sha256) = new_key().unwrap();
    let mut alice = KeyConfig::new("alice", sha256);
    alice.cap = Some(cap);
    let change = |config: &mut Config| {
        config.keys.push(alice);
        config.upstreams[0].key = Some(ProviderKey::None);
    };
    (key, change)
}

/// A gateway in front of a provider.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) provider: Provider,
    pub(crate) folder: TempDir,
    pub(crate) gateway: Gateway,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<bool>,
    _upstream: SimServer,
}

impl Running {
    pub(crate) async fn start(script: &str) -> Self {
        Self::with(provider(script), |_| {}).await
    }

    /// With the configuration changed by `change`.
    pub(crate) async fn with(provider: Provider, change: impl FnOnce(&mut Config)) -> Self {
        let upstream = SimServer::start(provider.clone()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = config(&upstream.url(), &folder, change);
        let gateway = Gateway::new(&config).await.unwrap();
        let (url, stop, serving) = serve(&gateway, &config).await;
        Self {
            url,
            provider,
            folder,
            gateway,
            stop: Some(stop),
            serving,
            _upstream: upstream,
        }
    }

    /// Stops listening; true if all calls in flight finished in time.
    pub(crate) async fn stop(&mut self) -> bool {
        self.gateway.drain();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        (&mut self.serving).await.unwrap()
    }

    pub(crate) async fn picture(&self) -> Answer {
        self.post("/v1/images/generations", PICTURE, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            Request::post(format!("{}{path}", self.url)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request.body(Full::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request.body(Full::default()).unwrap()).await
    }

    /// How many requests the provider has read whole, and how many it charged.
    pub(crate) fn paid(&self) -> usize {
        let entries = self.provider.oracle().entries();
        entries
            .iter()
            .filter(|entry| entry.charged_micros > 0)
            .count()
    }
}

pub(crate) const PICTURE: &str =
    r#"{"model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096"}"#;

/// One upstream, all state in `folder`.
pub(crate) fn config(upstream: &str, folder: &TempDir, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    let mut to = UpstreamConfig::new("sim", upstream);
    to.policy = policy();
    config.upstreams.push(to);
    config.ledger = "memory".to_owned();
    config.state = folder.path().join("gateway.db").display().to_string();
    config.replay.folder = folder.path().join("answers");
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.admin = "127.0.0.1:0".parse().unwrap();
    change(&mut config);
    config
}

pub(crate) async fn serve(
    gateway: &Gateway,
    config: &Config,
) -> (String, oneshot::Sender<()>, JoinHandle<bool>) {
    let server = Server::bind(config.listen, config.limits.clone())
        .await
        .unwrap();
    let url = format!("http://{}", server.address().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let answering = gateway.clone();
    let handler = move |request| {
        let gateway = answering.clone();
        async move { gateway.answer(request).await }
    };
    let drain = config.drain;
    let serving = tokio::spawn(async move {
        server
            .serve(handler, async { drop(stopped.await) }, drain)
            .await
    });
    (url, stop, serving)
}

/// Serves what answers like this, until the test ends; returned is its URL.
#[cfg(any(feature = "cloud", feature = "otlp"))]
pub(crate) async fn serve_here<F>(
    handler: impl Fn(Request<axum::body::Body>) -> F + Clone + Send + 'static,
) -> String
where
    F: Future<Output = http::Response<axum::body::Body>> + Send + 'static,
{
    let local = "127.0.0.1:0".parse().unwrap();
    let server = Server::bind(local, Config::default().limits).await.unwrap();
    let url = format!("http://{}", server.address().unwrap());
    tokio::spawn(server.serve(handler, std::future::pending(), Duration::ZERO));
    url
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `Err` where it broke off.
    pub(crate) body: Result<Bytes, String>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.body.as_ref().unwrap()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The picture's base64.
    pub(crate) fn picture(&self) -> String {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        self.json()["data"][0]["b64_json"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

pub(crate) fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) async fn post(url: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    try_post(url, body, headers).await.unwrap()
}

/// `Err` where the line breaks before the head.
pub(crate) async fn try_post(
    url: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> Result<Answer, legacy::Error> {
    let mut request = Request::post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    try_send(request.body(Full::from(body.to_owned())).unwrap()).await
}

pub(crate) async fn get(url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Full::default()).unwrap()).await
}

pub(crate) async fn send(request: Request<Full<Bytes>>) -> Answer {
    try_send(request).await.unwrap()
}

async fn try_send(request: Request<Full<Bytes>>) -> Result<Answer, legacy::Error> {
    let response = client().request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await;
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: body
            .map(http_body_util::Collected::to_bytes)
            .map_err(|error| format!("{error:?}")),
    })
}

/// Waits until `met`, which must come soon.
pub(crate) async fn until(what: &str, mut met: impl FnMut() -> bool) {
    until_within(PATIENCE, what, async || met()).await;
}

/// Waits until `met`, which must come within so long.
pub(crate) async fn until_within(span: Duration, what: &str, mut met: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !met().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(span, waiting)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}
