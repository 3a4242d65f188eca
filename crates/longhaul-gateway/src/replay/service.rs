use std::{
    convert::Infallible,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;
use http_body_util::Full;
use metrics::counter;
use tower_service::Service;

use super::{
    ExpectedCost, PublicId, REPLAYED, ResponseBody, SEND_AGAIN,
    digests::digest,
    index::{Digest, Row, State},
    layer::Replays,
    operation::{Answer, Operation, Wanted},
    run::run,
};
use crate::{
    caller::{Caller, Scope},
    core::{BoxError, Error},
    dialect::Dialect,
    progress::Progress,
    refusal::Refusal,
    upstream::Upstream,
    wall_clock::now,
};

/// Between two looks at an operation of another process.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long an SDK's retry waits for an operation to lose the caller that it comes from.
const NOTICE: Duration = Duration::from_secs(1);

/// Makes operations of requests, and gives who comes back the answer of the first.
#[derive(Clone, Debug)]
pub struct IdempotentReplay<S> {
    inner: S,
    replays: Replays,
}

impl<S> IdempotentReplay<S> {
    pub(super) const fn new(inner: S, replays: Replays) -> Self {
        Self { inner, replays }
    }
}

impl<S, B, ResBody> Service<Request<B>> for IdempotentReplay<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Into<Bytes> + Send,
    B::Error: Into<BoxError>,
    ResBody: Body<Data = Bytes> + Send + 'static,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        // The service that `poll_ready` made ready goes with the request; its clone stays.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let replays = self.replays.clone();
        let dialect = Dialect::of_path(request.uri().path());
        ResponseFuture(Box::pin(async move {
            let answer = respond(replays, ready, request).await;
            Ok(answer.unwrap_or_else(|refusal| own(refusal, dialect)))
        }))
    }
}

/// The future of [`IdempotentReplay`]. Dropped, its caller has left; the operation goes by what was sent.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>,
);

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().0.as_mut().poll(cx).map(|answer| {
            let Ok(answer) = answer;
            Ok(answer)
        })
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pub(super) fn own(refusal: Refusal, dialect: Dialect) -> Response<ResponseBody> {
    let bytes = refusal.body_bytes(dialect);
    refusal
        .into_response(dialect)
        .map(|_| ResponseBody::of_bytes(bytes))
}

/// What a request asks of this layer.
struct Asked {
    scope: Scope,
    caller: String,
    key: Option<Digest>,
    request: Digest,
    retry: bool,
    send_again: bool,
    respond_async: bool,
    /// Of the waiting caller.
    progress: Option<Progress>,
}

async fn respond<S, B, ResBody>(
    replays: Replays,
    inner: S,
    request: Request<B>,
) -> Result<Response<ResponseBody>, Refusal>
where
    S: Service<Request<Full<Bytes>>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Into<Bytes> + Send,
    B::Error: Into<BoxError>,
    ResBody: Body<Data = Bytes> + Send + 'static,
    ResBody::Error: Into<BoxError>,
{
    let (mut head, body) = request.into_parts();
    let body = replays.0.policy.limits.read(body).await?;
    let asked = replays.asked(&mut head, &body)?;
    let (operation, new) = replays.operation(&asked, &head).await?;
    if let Some(progress) = &asked.progress {
        progress.follow(&operation.progress);
    }
    // Counted as a caller before the operation can notice that it has none.
    let presence = operation.progress.join();
    if asked.key.is_some() || asked.respond_async {
        operation.progress.run_on();
    }
    if new {
        operation.progress.put_into(&mut head.extensions);
        let request = Request::from_parts(head, Full::from(body));
        let task = run(replays.clone(), operation.clone(), inner, request);
        replays.0.tasks.spawn(task);
    }
    if asked.respond_async {
        drop(presence);
        return Ok(replays.accepted(&operation));
    }

    let mut answers = operation.answer.subscribe();
    let answer = answers.wait_for(Option::is_some).await;
    let answer = answer.ok().and_then(|answer| answer.clone());
    match answer {
        Some(Answer::Head {
            status,
            headers,
            spool,
        }) => {
            let body = ResponseBody::of_spool(spool, operation.clone(), presence).await;
            let mut response = Response::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            if !new {
                counter!("longhaul.replays", "how" => "attached").increment(1);
                response
                    .headers_mut()
                    .insert(REPLAYED, header::HeaderValue::from_static("true"));
            }
            Ok(response)
        }
        Some(Answer::Refused(refusal)) => Err(refusal),
        Some(Answer::Known(row)) => {
            operation.progress.runs_elsewhere();
            let row = replays.ended(*row).await?;
            counter!("longhaul.replays", "how" => "kept").increment(1);
            replays.kept(&row).await
        }
        None => Err(unknown(operation.id())),
    }
}

impl Replays {
    fn asked(&self, head: &mut Parts, body: &[u8]) -> Result<Asked, Refusal> {
        let policy = &self.0.policy;
        let secret = self.0.index.secret();
        let caller = head.extensions.get::<Caller>();
        let scope = caller.map(Caller::scope).unwrap_or_default();
        let name = caller.map_or_else(String::new, |caller| caller.name().to_string());
        let headers = &mut head.headers;
        let key = match &headers
            .get_all(&policy.key_header)
            .iter()
            .collect::<Vec<_>>()[..]
        {
            [] => None,
            [key] => Some(digest(&secret, &[b"key", scope.as_bytes(), key.as_bytes()])),
            _ => {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "idempotency_key",
                    format!(
                        "`{}` is there more than once; nothing was sent",
                        policy.key_header
                    ),
                ));
            }
        };
        let count = headers.get(&policy.retry_header);
        let retry = count
            .and_then(|count| count.to_str().ok()?.trim().parse::<u32>().ok())
            .is_some_and(|count| count > 0);
        let send_again = headers
            .remove(SEND_AGAIN)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        let respond_async = take_respond_async(headers);
        let upstream = head.extensions.get::<Upstream>().map_or("", Upstream::name);
        let request = digest(
            &secret,
            &[
                b"request",
                upstream.as_bytes(),
                head.method.as_str().as_bytes(),
                head.uri.path().as_bytes(),
                body,
            ],
        );
        Ok(Asked {
            scope,
            caller: name,
            key,
            request,
            retry,
            send_again,
            respond_async,
            progress: head.extensions.get().cloned(),
        })
    }

    /// The operation that a request belongs to, and whether it is new. A new one is durable already.
    async fn operation(
        &self,
        asked: &Asked,
        head: &Parts,
    ) -> Result<(Arc<Operation>, bool), Refusal> {
        let policy = &self.0.policy;
        let wanted = match asked.key {
            Some(key) => Some(Wanted::Key(key)),
            None if asked.retry => Some(Wanted::Retry(policy.sdk_retries_within)),
            None if policy.coalesce => Some(Wanted::Running),
            None => None,
        };
        if matches!(wanted, Some(Wanted::Retry(_))) {
            self.notice_loss(asked).await;
        }
        let expected = head.extensions.get::<ExpectedCost>().map(|cost| cost.0);
        loop {
            let id = PublicId::new().map_err(|error| unavailable(&error))?;
            let row = Row::begun(
                id,
                asked.scope,
                asked.caller.clone(),
                asked.key,
                asked.request,
                expected,
            );
            let new = || Operation::new(row.clone());
            let operations = &self.0.operations;
            let (operation, is_new) =
                operations.find_or_insert(wanted, new, asked.scope, asked.request);
            if !is_new {
                check_request(&operation.row, asked.request)?;
                match operation.state() {
                    State::Running | State::Kept if !asked.wants_new(&operation) => {
                        return Ok((operation, false));
                    }
                    State::Unknown if !asked.send_again => {
                        return Err(unknown(operation.id()));
                    }
                    // It cost nothing, or its caller accepts a second charge.
                    _ => self.give_up(&operation.row).await?,
                }
                continue;
            }

            let begun = self.begin(asked, wanted, &row).await;
            match begun {
                Ok(None) => return Ok((operation, true)),
                Ok(Some(known)) => {
                    let known = Answer::Known(Box::new(known));
                    operation.answer.send_replace(Some(known));
                    operation.end(State::Free);
                    operations.forget(operation.id());
                    return Ok((operation, false));
                }
                Err(refusal) => {
                    operation
                        .answer
                        .send_replace(Some(Answer::Refused(refusal.clone())));
                    operation.end(State::Free);
                    operations.forget(operation.id());
                    return Err(refusal);
                }
            }
        }
    }

    /// Writes down that an operation begins; returned is one of before that has its answer.
    async fn begin(
        &self,
        asked: &Asked,
        wanted: Option<Wanted>,
        row: &Row,
    ) -> Result<Option<Row>, Refusal> {
        let index = &self.0.index;
        let failed = |error: BoxError| unavailable(&*error);
        if let Some(Wanted::Retry(window)) = wanted {
            let since = now().checked_sub(window).unwrap_or(SystemTime::UNIX_EPOCH);
            let known = index
                .by_request(asked.scope, asked.request, since)
                .await
                .map_err(failed)?;
            match known {
                Some(known) if known.state == State::Unknown => return Err(unknown(known.id)),
                Some(known) if known.state != State::Free => return Ok(Some(known)),
                _ => {}
            }
        }
        loop {
            let Some(known) = index.begin(row.clone()).await.map_err(failed)? else {
                return Ok(None);
            };
            check_request(&known, asked.request)?;
            match known.state {
                State::Kept if known.succeeded() || !asked.send_again => return Ok(Some(known)),
                State::Unknown if !asked.send_again => return Err(unknown(known.id)),
                State::Running => return Ok(Some(known)),
                _ => index.release_key(known.id).await.map_err(failed)?,
            }
        }
    }

    /// An SDK's retry may come before anybody has noticed that the line of its first request is gone.
    async fn notice_loss(&self, asked: &Asked) {
        let operations = &self.0.operations;
        let Some(operation) = operations.has_caller(asked.scope, asked.request) else {
            return;
        };
        let gone = std::future::poll_fn(|cx| {
            operation.progress.watch(cx);
            match operation.progress.callers() {
                0 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        });
        let _ = tokio::time::timeout(NOTICE, gone).await;
    }

    /// Waits until an operation of another process has ended.
    async fn ended(&self, mut row: Row) -> Result<Row, Refusal> {
        while row.state == State::Running {
            tokio::time::sleep(LOOK_AGAIN).await;
            let known = self.0.index.get(row.id).await;
            row = known
                .map_err(|error| unavailable(&*error))?
                .ok_or_else(|| unknown(row.id))?;
        }
        if row.state == State::Free {
            return Err(ended_free(row.id));
        }
        Ok(row)
    }

    async fn give_up(&self, row: &Row) -> Result<(), Refusal> {
        self.0.operations.forget(row.id);
        if row.key.is_some() {
            self.0
                .index
                .release_key(row.id)
                .await
                .map_err(|error| unavailable(&*error))?;
        }
        Ok(())
    }
}

impl Asked {
    /// Whether the kept answer is a failure that its caller does not want again.
    fn wants_new(&self, operation: &Operation) -> bool {
        let failed = match &*operation.answer.borrow() {
            Some(Answer::Head { status, .. }) => !status.is_success(),
            _ => false,
        };
        self.send_again && failed && operation.state() == State::Kept
    }
}

impl Row {
    fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }
}

fn check_request(known: &Row, request: Digest) -> Result<(), Refusal> {
    if known.request == request {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "key_reuse",
        "this idempotency key belongs to another request; nothing was sent: send this one under a new key",
    ))
}

pub(super) fn unknown(id: PublicId) -> Refusal {
    counter!("longhaul.replays", "how" => "refused").increment(1);
    Refusal::new(
        StatusCode::CONFLICT,
        "outcome_unknown",
        format!(
            "an earlier request like this one may have been charged, and nobody knows how it ended ({id}); nothing was \
             sent again: look it up at the provider, or send `{SEND_AGAIN}: true` to pay for a second one"
        ),
    )
}

fn ended_free(id: PublicId) -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "ended_free",
        format!("the operation that this request belongs to ended in another process, and cost nothing ({id})"),
    )
    .again_after(Duration::from_secs(1))
}

pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "the index of operations does not answer");
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "state_unavailable",
        "the gateway cannot write down that a call begins; nothing was sent",
    )
    .again_after(Duration::from_secs(5))
}

/// Removes `respond-async` from `Prefer`, with a `wait` that belongs to it.
fn take_respond_async(headers: &mut HeaderMap) -> bool {
    let is_asked = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|values| values.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case("respond-async"));
    if is_asked {
        headers.remove("prefer");
    }
    is_asked
}
