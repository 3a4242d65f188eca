//! The facts about one request.
//!
//! An entry is written by one exchange and one work, each in its own time, and read by tests. It holds facts alone:
//! nothing in it depends on what the client believes, which is what makes it fit to judge a client's ledger. Keys,
//! prompts and pictures are not among them.

use std::time::Duration;

use http::request::Parts;
use serde::Serialize;

use super::redact::kept_headers;
use crate::{Fault, Work};

/// How much of a request arrived.
///
/// A provider works on what it has read whole, and charges that. What arrived in part costs nothing, however the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Received {
    /// The head, and not the body's end: nothing is worked on, nothing charged.
    Partial,
    /// The head and the whole body.
    Whole,
}

/// What really happened to one request. All times are provider time since the provider was built.
///
/// ```
/// use std::time::Duration;
/// use longhaul_sim::{Provider, Received, Weight};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder()
///     .script("none+takes@90".parse()?)
///     .image_weight(Weight::Tiny)
///     .build()?;
/// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
/// provider.clone().oneshot(request).await?;
///
/// let entry = &provider.oracle().entries()[0];
/// assert_eq!((entry.received, entry.status), (Received::Whole, Some(200)));
/// assert!(entry.charged.unwrap() >= Duration::from_secs(90));
/// # Ok(()) }
/// ```
///
/// Of the moments, `started ≤ read`, and `charged` may come before `finished` or after it: a client that leaves is
/// finished before the work is. A moment that has not come is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The request's place in the order of arrival, from 1; refused connections leave gaps.
    pub number: u64,
    /// The id that the answer carries as `x-request-id`, and Gemini's as `responseId` too.
    pub request_id: String,
    /// The idempotency key that it came with, as it stands in the header.
    ///
    /// Under which name it is read, [`Builder::key_header`](crate::Builder::key_header) says.
    pub key: Option<String>,
    /// The attempt number from the attempt header.
    ///
    /// Under which name it is read, [`Builder::attempt_header`](crate::Builder::attempt_header) says; `None` where it
    /// is missing or no number.
    pub attempt: Option<u32>,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query, which may hold a key.
    pub path: String,
    /// The version that the request was sent in, such as `HTTP/1.1`.
    pub http_version: String,
    /// The headers, in the order of their names. Of secret ones only that they were there.
    pub headers: Vec<(String, String)>,
    /// The number of the socket connection, as in the server's list of connections; none in process.
    pub connection: Option<u64>,
    /// What was done to it.
    ///
    /// The script's, or that of the request's own header; `Fault::None` where all went well.
    pub fault: Fault,
    /// How much of it arrived.
    pub received: Received,
    /// How many bytes of its body arrived.
    ///
    /// Of a request that was refused early, what had been read until then.
    pub body_bytes: u64,
    /// What it asked for, once that was understood and accepted.
    ///
    /// `None` for a refusal, and for a request that did not arrive whole.
    pub work: Option<Work>,
    /// Whether the work was done; it may have made no picture.
    ///
    /// It is true as soon as the work has ended, even where it ended free of charge.
    pub generated: bool,
    /// Whether an earlier work under the same idempotency key stood in for this one.
    pub replayed: bool,
    /// What was charged, in millionths of the currency.
    ///
    /// 0 until the work is done; the price of all its pictures at once then.
    pub charged_micros: u64,
    /// The identities of the pictures that belong to it: see [`picture::identity`](crate::picture::identity).
    pub images: Vec<String>,
    /// The status that it was answered with.
    pub status: Option<u16>,
    /// Whether the answer left to the last byte.
    pub answered: bool,
    /// Whether the answer left to the last byte and held pictures, or links to them.
    ///
    /// What a ledger's `Delivered` is compared with.
    pub delivered: bool,
    /// How many previews were sent into its event stream.
    pub partials: u32,
    /// How many links were fetched to the last byte.
    pub links_fetched: u32,
    /// What became of the task that it submitted, if it did.
    pub task: Option<TaskEntry>,
    /// When its head arrived.
    pub started: Duration,
    /// When it had arrived whole.
    pub read: Option<Duration>,
    /// When the work was done and charged.
    pub charged: Option<Duration>,
    /// When the answer's last byte left, the provider broke off, or the client had gone.
    pub finished: Option<Duration>,
    /// Whether the client was gone before the end.
    ///
    /// False where the provider, or its fault, ended the exchange.
    pub client_left: bool,
}

impl Entry {
    /// A request whose head has arrived, and nothing else yet.
    ///
    /// What the oracle and the call fill in is the time, the connection, the key and the fault.
    pub(crate) fn arrived(number: u64, request_id: String, head: &Parts) -> Self {
        Self {
            number,
            request_id,
            key: None,
            attempt: None,
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            http_version: format!("{:?}", head.version),
            headers: kept_headers(&head.headers),
            connection: None,
            fault: Fault::None,
            received: Received::Partial,
            body_bytes: 0,
            work: None,
            generated: false,
            replayed: false,
            charged_micros: 0,
            images: Vec::new(),
            status: None,
            answered: false,
            delivered: false,
            partials: 0,
            links_fetched: 0,
            task: None,
            started: Duration::ZERO,
            read: None,
            charged: None,
            finished: None,
            client_left: false,
        }
    }
}

/// What became of a task.
///
/// ```
/// use longhaul_sim::{Provider, Weight};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
/// let submit = http::Request::post("/v1/images/generations/async").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
/// provider.clone().oneshot(submit).await?;
/// let id = provider.oracle().entries()[0].task.clone().unwrap().id;
/// let poll = http::Request::get(format!("/v1/images/tasks/{id}")).body(String::new())?;
/// assert_eq!(provider.clone().oneshot(poll).await?.status(), 200);
/// assert_eq!(provider.oracle().entries()[0].task.as_ref().unwrap().polls, 1, "no entry of its own");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct TaskEntry {
    /// Its id, as the submit was answered with it.
    pub id: String,
    /// How often its state was asked for.
    ///
    /// Also those that were answered with a fault.
    pub polls: u32,
    /// How often its pictures were collected to the last byte.
    ///
    /// More than once where a client collects again; it is charged once all the same.
    pub collected: u32,
    /// Whether it was cancelled before its work began.
    ///
    /// Then it is free.
    pub cancelled: bool,
}

/// Everything added up.
///
/// The sums a test compares a ledger with: what our side calls certain is at most `charged_micros`, and what it calls possible at
/// least that.
///
/// ```
/// use longhaul_sim::{Provider, Weight};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder().script("overloaded, cut@60".parse()?).image_weight(Weight::Tiny).build()?;
/// for _ in 0..3 {
///     let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
///     drop(provider.clone().oneshot(request).await);
/// }
/// provider.oracle().settled().await;
/// let totals = provider.oracle().totals();
/// assert_eq!((totals.requests, totals.charged), (3, 2), "the overload is free, and the cut is not");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Requests of which anything was read; polls are none.
    pub requests: u64,
    /// Tasks among them that were submitted.
    pub tasks: u64,
    /// How often the state of a task was asked for.
    pub polls: u64,
    /// Requests that were read whole.
    pub read_whole: u64,
    /// Requests whose work was done.
    pub generated: u64,
    /// Requests whose work still runs, and will be charged.
    ///
    /// 0 once the oracle is settled.
    pub running: u64,
    /// Requests that were charged.
    pub charged: u64,
    /// Requests whose pictures were delivered.
    pub delivered: u64,
    /// Requests that were charged and not delivered.
    pub charged_undelivered: u64,
    /// All that was charged, in millionths of the currency.
    pub charged_micros: u64,
    /// The part of it that was charged and not delivered.
    pub undelivered_micros: u64,
    /// Refusals: calls in process, and on sockets the times that the port was closed.
    ///
    /// They are no entries and not among `requests`.
    pub refused: u64,
    /// Pictures fetched by their link to the last byte.
    pub links_fetched: u64,
}

impl Totals {
    /// The totals with one entry more.
    pub(super) fn add(mut self, entry: &Entry) -> Self {
        let charged = entry.charged_micros > 0;
        let lost = charged && !entry.delivered;
        self.requests += 1;
        self.tasks += u64::from(entry.task.is_some());
        self.polls += entry.task.as_ref().map_or(0, |task| task.polls.into());
        self.read_whole += u64::from(entry.received == Received::Whole);
        self.generated += u64::from(entry.generated);
        self.running += u64::from(entry.work.is_some() && !entry.generated && !entry.replayed);
        self.charged += u64::from(charged);
        self.delivered += u64::from(entry.delivered);
        self.charged_undelivered += u64::from(lost);
        self.charged_micros += entry.charged_micros;
        self.undelivered_micros += if lost { entry.charged_micros } else { 0 };
        self.links_fetched += u64::from(entry.links_fetched);
        self
    }
}
