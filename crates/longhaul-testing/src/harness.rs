//! A provider behind a socket, the whole stack in front of it, and what came of a call.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::{
    Attempt, Class, Error, Resolution, Stack, StackService,
    billing::{PriceRow, Record},
    body::ReplayBody,
    observe::{Event, Observer},
    policy::Policy,
    retry::RetryReport,
    timeout::RequestBody,
};
use longhaul_hyper::Client;
use longhaul_sim::{
    Builder, Dialect, Entry, Provider, Weight, picture,
    server::{Protocols, Server},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::{Layer, Service, ServiceExt};

use crate::disagreements;

/// How many times as fast as real time the provider runs, and the policies with it.
pub const SPEED: f64 = 50.0;

/// How often the default policy tries an operation that cannot be sent.
pub const UNSENT_ATTEMPTS: usize = 6;

/// The body that the stack hands to the client below it.
pub type SentBody = RequestBody<ReplayBody<Full<Bytes>>>;

/// longhaul's client below the stack.
pub type Http = Client<SentBody>;

/// A provider of small pictures in little time.
pub fn provider(script: &str) -> Builder {
    Provider::builder()
        .speed(SPEED)
        .script(script.parse().expect("a script"))
        .image_weight(Weight::Tiny)
        .generation(Duration::from_secs(20))
}

/// The policy with the provider's prices, and the header by which its oracle tells attempts apart.
pub fn priced(mut policy: Policy) -> Policy {
    let price = |resolution, micros| {
        PriceRow::new("*", "*", longhaul::Money::usd_micros(micros)).for_resolution(resolution)
    };
    policy.billing.prices = vec![
        price(Resolution::K1, 134_400),
        price(Resolution::K2, 134_400),
        price(Resolution::K4, 240_000),
    ];
    policy.retry.attempt_header = Some(HeaderName::from_static("x-longhaul-attempt"));
    policy
}

/// The same at the provider's speed.
pub fn fitted(policy: Policy) -> Policy {
    let scaled = priced(policy).scaled(1.0 / SPEED);
    scaled.expect("a factor above zero")
}

/// A stack of that.
pub fn stack(policy: Policy) -> Stack {
    Stack::new(fitted(policy)).expect("a policy that can work")
}

/// A client for plain http.
pub fn plain() -> Http {
    let client = Client::builder().plain_http_only();
    client.build().expect("valid settings")
}

/// A client that trusts whoever `roots` vouch for.
pub fn trusting(roots: Arc<RootCertStore>) -> Http {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = Client::builder().tls_config(config);
    client.build().expect("valid settings")
}

/// A request for one picture, with a key, to `base`.
pub fn request(base: &str, dialect: Dialect) -> Request<Full<Bytes>> {
    request_of(base, dialect, "a cat")
}

/// The same with this prompt.
pub fn request_of(base: &str, dialect: Dialect, prompt: &str) -> Request<Full<Bytes>> {
    let (path, key, body) = match dialect {
        Dialect::Gemini => (
            "/v1beta/models/gemini-3-pro-image:generateContent",
            ("x-goog-api-key", "secret"),
            json!({
                "contents": [{ "parts": [{ "text": prompt }] }],
                "generationConfig": { "imageConfig": { "imageSize": "1K" } },
            }),
        ),
        _ => (
            "/v1/images/generations",
            ("authorization", "Bearer secret"),
            json!({ "model": "nano-banana-pro", "prompt": prompt, "size": "1024x1024" }),
        ),
    };
    Request::post(format!("{base}{path}"))
        .header("content-type", "application/json")
        .header(key.0, key.1)
        .body(Full::from(body.to_string()))
        .expect("a valid request")
}

/// Hears of every attempt of `request` when it begins.
pub fn attempts_of<B>(request: &mut Request<B>) -> mpsc::UnboundedReceiver<Attempt> {
    let (tell, told) = mpsc::unbounded_channel();
    let observer = Observer::new(move |event: &Event<'_>| {
        if let Event::Started { attempt } = event {
            // Nobody may be listening any more.
            let _ = tell.send((*attempt).clone());
        }
    });
    request.extensions_mut().insert(observer);
    told
}

/// What became of an operation: an answer read to its end, or an error.
#[derive(Debug)]
pub struct Ended {
    /// The whole answer, or the error in whose place there is none.
    pub answer: Result<Answer, Error>,
    /// What the retry layer reports.
    pub report: RetryReport,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

impl Ended {
    /// What each attempt's end means.
    pub fn classes(&self) -> Vec<Class> {
        let classes = self.report.classes();
        classes
            .map(|class| class.expect("every attempt has ended"))
            .collect()
    }

    /// What the last one's means.
    pub fn class(&self) -> Class {
        *self.classes().last().expect("at least one attempt")
    }

    /// The identity of the picture that arrived.
    pub fn picture(&self) -> Option<String> {
        let json: Value = serde_json::from_slice(&self.answer.as_ref().ok()?.body).ok()?;
        let openai = json.pointer("/data/0/b64_json");
        let gemini = json.pointer("/candidates/0/content/parts/0/inlineData/data");
        let encoded = openai.or(gemini)?.as_str()?;
        picture::identity(&BASE64_STANDARD.decode(encoded).ok()?)
    }

    /// The error.
    ///
    /// Panics if there is an answer.
    pub fn error(&self) -> &Error {
        self.answer.as_ref().expect_err("a failure")
    }
}

/// Sends `request` and reads what comes to its end.
pub async fn perform<S, B>(client: S, request: Request<Full<Bytes>>) -> Ended
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Error>,
    B: Body<Data = Bytes, Error = Error>,
{
    let response = match client.oneshot(request).await {
        Ok(response) => response,
        Err(error) => {
            let report = error.report().expect("a retry layer reports").clone();
            let answer = Err(error);
            return Ended { answer, report };
        }
    };
    let report = response.extensions().get::<RetryReport>();
    let report = report.expect("a retry layer reports").clone();
    let status = response.status();
    let body = response.into_body().collect().await;
    let answer = body.map(|body| Answer {
        status,
        body: body.to_bytes(),
    });
    Ended { answer, report }
}

/// A provider on a socket, and a stack.
#[derive(Debug)]
pub struct Harness {
    /// The provider, with its oracle.
    pub provider: Provider,
    /// Its socket.
    pub server: Server,
    /// The layers before it, with their ledger.
    pub stack: Stack,
}

impl Harness {
    /// Plain http and the default policy.
    pub async fn new(script: &str) -> Self {
        Self::with(provider(script), Policy::default()).await
    }

    /// This provider and this policy.
    pub async fn with(provider: Builder, policy: Policy) -> Self {
        let provider = provider.build().expect("a speed that can be used");
        let server = Server::start(provider.clone()).await.expect("a free port");
        let stack = stack(policy);
        Self {
            provider,
            server,
            stack,
        }
    }

    /// Encrypted, with these protocols on offer.
    pub async fn encrypted(script: &str, protocols: Protocols) -> Self {
        let provider = provider(script).build().expect("a speed that can be used");
        let server = Server::builder(provider.clone())
            .tls(true)
            .protocols(protocols);
        let server = server.start().await.expect("a free port");
        let stack = stack(Policy::default());
        Self {
            provider,
            server,
            stack,
        }
    }

    /// A client of its own: the stack over longhaul's.
    pub fn client(&self) -> StackService<Http> {
        self.stack.layer(match self.server.certificate_der() {
            Some(_) => trusting(self.server.root_store()),
            None => plain(),
        })
    }

    /// A request for one picture, to it.
    pub fn request(&self, dialect: Dialect) -> Request<Full<Bytes>> {
        request(&self.server.url(), dialect)
    }

    /// One operation through a client of its own.
    pub async fn perform(&self, request: Request<Full<Bytes>>) -> Ended {
        perform(self.client(), request).await
    }

    /// What the provider knows, once nothing more changes.
    pub async fn truth(&self) -> Vec<Entry> {
        let oracle = self.provider.oracle();
        let settled = tokio::time::timeout(PATIENCE, oracle.settled());
        settled.await.expect("the provider comes to rest");
        oracle.entries()
    }

    /// In what the ledger differs from the truth.
    pub async fn disagreements(&self) -> Vec<String> {
        disagreements(&self.stack.ledger().records(), &self.truth().await)
    }

    /// Panics if there is any difference.
    pub async fn assert_agreement(&self) {
        assert_eq!(self.disagreements().await, [""; 0]);
    }
}

/// The only record of a ledger, closed.
pub fn only_record(stack: &Stack) -> Record {
    let mut records = stack.ledger().records();
    assert_eq!(records.len(), 1, "{records:?}");
    let record = records.remove(0);
    assert!(!record.is_open(), "{record:?}");
    record
}

/// The value of a header that the provider saw.
pub fn header<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    let (_, value) = entry.headers.iter().find(|(known, _)| known == name)?;
    Some(value)
}

/// An error with everything that led to it, as a log would show it.
pub fn chain(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// Longer than anything here takes on a busy machine, and short enough to wait for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that must come.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, wait).await.is_err() {
        panic!("it never came: {what}");
    }
}
