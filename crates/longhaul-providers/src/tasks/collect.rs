//! Collecting a task by its handle, whoever submitted it.
//!
//! After a crash the ledger has handles and no calls. [`collect`] is the half of the exchange that needs no call: it
//! polls, and tells what it finds as data. It shares the poller with the layer and nothing else: no open tasks, no rate
//! of other calls, no attempt.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body::Body;
use longhaul::{BoxError, Class, ConfigError, Deadline, classify::Probability};
use tower_service::Service;

use super::{
    TaskError, TaskHandle, TaskReport, TasksPolicy, answer,
    dialect::{Dialect, From},
    poll::{Ended, Poller},
    rate::Rate,
    told::Told,
    wait::Waits,
};
use crate::{
    exchange::{Account, JoinedBody, Origin},
    json,
};

/// What a handle led to.
///
/// ```
/// use longhaul::Class;
/// use longhaul_providers::tasks::{Collected, TaskError};
///
/// /// Whether to come back for it.
/// fn is_open(collected: &Collected) -> bool {
///     matches!(collected, Collected::Open(_))
/// }
///
/// /// What to write into a ledger of one's own.
/// fn class(collected: &Collected) -> Class {
///     collected.class().unwrap_or(Class::UnknownOutcome)
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Collected {
    /// The unary answer is here; what it means is for a classifier to say, as with any answer.
    ///
    /// A task that failed is an answer too, with the status of its failure.
    Answer {
        /// The status that the unary call would have had.
        status: StatusCode,
        /// Its document.
        body: Bytes,
        /// Whether there is a picture in it.
        picture: bool,
        /// How likely a task that failed was charged, where the provider's own rules say so.
        charged: Option<Probability>,
        /// How it was collected.
        report: TaskReport,
    },
    /// The task has not ended yet, or nothing could be learned of it: ask again later.
    ///
    /// The report tells how often it was asked after, and which states nobody knows.
    Open(TaskReport),
    /// It brings nothing any more: lost, or not to be asked after with this key.
    ///
    /// With [`TaskError::TooLong`] the picture is still there: a larger [`longest_answer`](TasksPolicy::longest_answer)
    /// collects it.
    Failed(TaskError),
}

impl Collected {
    /// What is known of the attempt now, where the answer alone tells it: `Delivered` with a picture, `NoImage` without,
    /// `Undelivered` of a lost task; `None` where the task is open, or failed in words that a classifier reads.
    ///
    /// ```
    /// use longhaul::Class;
    /// use longhaul_providers::tasks::{Collected, TaskError};
    ///
    /// let lost = TaskError::Lost { dialect: "fal".into(), id: "t1".into(), status: http::StatusCode::NOT_FOUND };
    /// assert_eq!(Collected::Failed(lost).class(), Some(Class::Undelivered));
    /// ```
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Answer {
                status, picture, ..
            } if status.is_success() => Some(if *picture {
                Class::Delivered
            } else {
                Class::NoImage
            }),
            Self::Failed(TaskError::Lost { .. }) => Some(Class::Undelivered),
            _ => None,
        }
    }
}

/// Asks after the task of a handle, with these headers (the key among them), until it has ended or `within` is over. Never
/// submits, and never cancels.
///
/// The key goes to the origin that the handle's poll URL has, and to the hosts that the dialect lists. The caller is to
/// make sure that the key belongs to that origin.
///
/// ```
/// use std::time::Duration;
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use longhaul_providers::{JoinedBody, tasks::{Collected, TaskHandle, TasksPolicy, collect}};
///
/// # async fn example(
/// #     client: longhaul_hyper::Client<JoinedBody<Empty<Bytes>>>,
/// #     handle: TaskHandle,
/// #     key: http::HeaderValue,
/// # ) -> Result<(), longhaul::ConfigError> {
/// let headers = [(http::header::AUTHORIZATION, key)].into_iter().collect();
/// let (policy, minute) = (TasksPolicy::default(), Duration::from_secs(60));
/// match collect::<_, Empty<Bytes>, _>(&handle, &policy, client, headers, minute).await? {
///     Collected::Answer { status, body, .. } => println!("{status}, {} bytes", body.len()),
///     Collected::Open(report) => println!("not yet, after {} polls", report.polls),
///     gone => println!("claim it: {gone:?}"),
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// If the policy has no such dialect, or the handle's poll URL is none.
///
/// A task that is not found is lost after [`grace`](TasksPolicy::grace), whoever asks: right after its submit, and while
/// a provider is restarted, it may only be late. So a `within` that is shorter than that counts as that, and so does
/// one that is shorter than [`poll_timeout`](TasksPolicy::poll_timeout): one question at least may be answered. Dropping
/// the future ends the polling and changes nothing at the provider.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use http_body_util::Full;
/// use longhaul_providers::tasks::{Collected, TaskHandle, TasksPolicy, collect};
/// use longhaul_sim::Provider;
///
/// // What another process has written down. The provider has never heard of the task.
/// let handle = TaskHandle::new("openai-responses", "resp_1", "http://sim.test/v1/responses/resp_1", None);
/// let provider = Provider::builder().build()?;
/// let (policy, no_key) = (TasksPolicy::default(), http::HeaderMap::new());
/// let collected = collect::<_, Full<bytes::Bytes>, _>(&handle, &policy, provider, no_key, Duration::ZERO).await?;
/// assert_eq!(collected.class(), Some(longhaul::Class::Undelivered), "{collected:?}");
/// # Ok(()) }
/// ```
pub async fn collect<S, B, R>(
    handle: &TaskHandle,
    policy: &TasksPolicy,
    client: S,
    headers: HeaderMap,
    within: Duration,
) -> Result<Collected, ConfigError>
where
    S: Service<Request<JoinedBody<B>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
    let dialect = policy.dialect(&handle.dialect).ok_or_else(|| {
        let message = format!("no dialect {:?}: add its row to the policy", handle.dialect);
        ConfigError::new("dialect", message)
    })?;
    let uri: Option<Uri> = handle.poll_url.parse().ok();
    let origin = uri.as_ref().and_then(Origin::of);
    let Some((uri, origin)) = uri.zip(origin) else {
        return Err(ConfigError::new("poll_url", "not the URL of a host"));
    };
    let (mut head, ()) = Request::new(()).into_parts();
    head.headers = headers;
    let mut poller = Poller {
        client,
        attempt: None,
        account: Account::of(&uri, &head.headers),
        head: &head,
        dialect,
        rate: &Rate::per_second(policy.polls_per_second),
        waits: Waits::new(policy, dialect),
        poll_timeout: policy.poll_timeout,
        longest_answer: policy.longest_answer,
        // Whoever collects may come right after the submit.
        grace: policy.grace,
        deadline: Deadline::after(within.max(policy.grace).max(policy.poll_timeout)).instant(),
        report: TaskReport::new(handle.clone()),
        on_state: Box::new(|_| {}),
    };
    poller.report.resumed = true;
    let mut ended = poller.until_ended(&uri, Duration::ZERO).await;
    if let Ended::Told(Told::Done, _, body) = &ended
        && dialect.result.from == From::Fetched
    {
        match result_uri(dialect, &origin, body) {
            Ok(uri) => ended = poller.fetched(&uri).await,
            Err(host) => {
                return Ok(Collected::Failed(TaskError::ForeignHost {
                    dialect: handle.dialect.clone(),
                    id: handle.id.clone(),
                    host,
                }));
            }
        }
    }
    Ok(collected(dialect, policy, poller.report, ended))
}

/// Where a result is fetched, as the answer tells it; the host alone where that gets no key.
fn result_uri(dialect: &Dialect, origin: &Origin, body: &Bytes) -> Result<Uri, Box<str>> {
    let at = dialect.result.at.as_ref();
    let url = json::document(body).and_then(|document| at?.text(document));
    let uri = url
        .as_ref()
        .and_then(|url| origin.allows(url, &dialect.task.key_hosts));
    uri.ok_or_else(|| super::submit::host_of(url.as_deref()))
}

/// What an end means to whoever collects; it writes nothing down.
fn collected<R>(
    dialect: &Dialect,
    policy: &TasksPolicy,
    report: TaskReport,
    ended: Ended<R>,
) -> Collected {
    let (name, id) = (report.handle.dialect.clone(), report.handle.id.clone());
    let unary = match ended {
        Ended::Told(how, head, body) => answer::ended(dialect, &how, head.status, body),
        Ended::Long(..) | Ended::TooLong => {
            let limit = policy.longest_answer;
            return Collected::Failed(TaskError::TooLong {
                dialect: name,
                id,
                limit,
            });
        }
        Ended::Lost(status) => {
            return Collected::Failed(TaskError::Lost {
                dialect: name,
                id,
                status,
            });
        }
        Ended::Unauthorized(status) => {
            return Collected::Failed(TaskError::Unauthorized {
                dialect: name,
                id,
                status,
            });
        }
        Ended::Deadline => return Collected::Open(report),
    };
    let costs = dialect.failure.costs;
    Collected::Answer {
        charged: costs
            .filter(|_| !unary.status.is_success())
            .map(Probability::permille),
        status: unary.status,
        body: unary.body,
        picture: unary.picture,
        report,
    }
}
