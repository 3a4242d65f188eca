//! One operation: what is asked for, what is heard of its attempts, and what came of it.

use std::sync::{Arc, Mutex, MutexGuard};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::{
    Attempt, Class, Error,
    observe::{Event, Observer},
    retry::RetryReport,
};
use longhaul_sim::{Dialect, picture};
use serde_json::{Value, json};
use tower::{Service, ServiceExt};

/// A request for one picture, with a key, to `base`.
///
/// ```
/// use longhaul_sim::Dialect;
/// use longhaul_testing::harness::request;
///
/// let request = request("https://sim.test", Dialect::Gemini);
/// assert!(request.uri().path().ends_with(":generateContent"));
/// assert!(request.headers().contains_key("x-goog-api-key"));
/// ```
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

/// Every attempt that was begun, in order, as an observer hears of it.
///
/// What an observer hears is kept in the order in which attempts begin; an attempt that is refused before it begins is
/// not among them.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<Mutex<Vec<Attempt>>>);

impl Attempts {
    /// Those of `request`.
    pub fn of<B>(request: &mut Request<B>) -> Self {
        let attempts = Self::default();
        request.extensions_mut().insert(attempts.observer());
        attempts
    }

    pub(super) fn observer(&self) -> Observer {
        let attempts = self.clone();
        Observer::new(move |event: &Event<'_>| {
            if let Event::Started { attempt } = event {
                attempts.list().push((*attempt).clone());
            }
        })
    }

    /// Those until now.
    pub fn begun(&self) -> Vec<Attempt> {
        self.list().clone()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Attempt>> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// What became of an operation: an answer read to its end, or an error.
///
/// A body that breaks off counts as an error, with the report of the head.
#[derive(Debug)]
pub struct Ended {
    /// The whole answer, or the error in whose place there is none.
    pub answer: Result<Response<Bytes>, Error>,
    /// What the retry layer reports.
    pub report: RetryReport,
}

impl Ended {
    /// What each attempt's end means.
    pub fn classes(&self) -> Vec<Class> {
        let classes = self.report.classes();
        classes
            .map(|class| class.expect("every attempt has ended"))
            .collect()
    }

    /// The identity of the picture that arrived.
    pub fn picture(&self) -> Option<String> {
        let json: Value = serde_json::from_slice(self.answer.as_ref().ok()?.body()).ok()?;
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
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use longhaul::policy::Policy;
/// use longhaul_sim::Dialect;
/// use longhaul_testing::harness::{Harness, perform, request};
///
/// let harness = Harness::in_process(Policy::default(), "none".parse().unwrap());
/// let ended = perform(harness.client(), request("https://sim.test", Dialect::OpenAi)).await;
/// assert_eq!(ended.picture().as_ref(), harness.truth().await[0].images.first());
/// # }
/// ```
pub async fn perform<S, B, C>(client: S, request: Request<B>) -> Ended
where
    S: Service<Request<B>, Response = Response<C>, Error = Error>,
    C: Body<Data = Bytes, Error = Error>,
{
    let (head, body) = match client.oneshot(request).await {
        Ok(answer) => answer.into_parts(),
        Err(error) => {
            let report = error.report().expect("a retry layer reports").clone();
            let answer = Err(error);
            return Ended { answer, report };
        }
    };
    let report = head.extensions.get::<RetryReport>();
    let report = report.expect("a retry layer reports").clone();
    let body = body.collect().await;
    let answer = body.map(|body| Response::from_parts(head, body.to_bytes()));
    Ended { answer, report }
}
