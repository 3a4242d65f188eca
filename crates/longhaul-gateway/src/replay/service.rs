//! The service: from a request to an operation, and from an operation to an answer.
//!
//! A request is read whole, recognised, and joined to its operation as one more caller; only then is the operation
//! begun, if it is new. In this order an operation never sees itself without a caller before it has had one. What is
//! sent is sent on a task of the layer, never by the future that is returned: a server drops that future when its
//! caller hangs up.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use http_body_util::Full;
use metrics::counter;
use tower_service::Service;

use super::{
    REPLAYED, ResponseBody, index::State, layer::Replays, operation::Answer, run::run,
    words::unknown,
};
use crate::{
    core::{BoxError, Error},
    dialect::Dialect,
    refusal::Refusal,
};

/// Makes operations of requests, and gives who comes back the answer of the first.
///
/// An operation outlives its caller: see the [module](super) for who may come back, and how.
///
/// `S` is what makes the picture, usually [`Detach`](crate::detach::Detach) over a [`Stack`](longhaul::Stack). It is
/// called once for each operation, whoever asks, and must be `Clone`: the clone that was made ready goes with the
/// request.
///
/// It fails only where `S` cannot be made ready. Every other failure is an answer in the caller's dialect, so that
/// who comes back gets the same one.
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
///
/// It is ready with the head of the answer, not with its last byte; with `Prefer: respond-async` at the latest when
/// that wait is over. It may be dropped at any point: an operation that was sent runs on, and one that has a key goes
/// on altogether.
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

/// The gateway's own answer, whose bytes are in memory and end at once.
pub(super) fn own(refusal: Refusal, dialect: Dialect) -> Response<ResponseBody> {
    let bytes = refusal.body_bytes(dialect);
    refusal
        .into_response(dialect)
        .map(|_| ResponseBody::of_bytes(bytes))
}

/// What a caller gets for its request; the error is an answer too, and whoever calls writes it in the caller's
/// dialect.
///
/// The task of a new operation is spawned after `join`: started before, it might find no caller, and end a call that
/// nobody had left. `presence` moves into the body, so that a caller counts until it has read the last byte; on every
/// other way out it is dropped here.
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
    if asked.key.is_some() || asked.respond_async.is_some() {
        operation.progress.run_on();
    }
    if new {
        operation.progress.put_into(&mut head.extensions);
        head.extensions.insert(operation.id().operation());
        let request = Request::from_parts(head, Full::from(body));
        let task = run(replays.clone(), operation.clone(), inner, request);
        replays.0.tasks.spawn(task);
    }
    let mut answers = operation.answer.subscribe();
    let answered = answers.wait_for(Option::is_some);
    let answer = match asked.respond_async {
        None => answered.await,
        Some(wait) => match tokio::time::timeout(wait, answered).await {
            Ok(answered) => answered,
            Err(_) => return Ok(replays.accepted(&operation.row)),
        },
    };
    let answer = answer.ok().and_then(|answer| answer.clone());
    match answer {
        Some(Answer::Head {
            status,
            headers,
            spool,
        }) => {
            let body = replays.coming(operation.id(), spool).await?;
            let mut response = Response::new(body.of_caller(operation, presence));
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
        Some(Answer::Refused(refusal)) => {
            if !new {
                counter!("longhaul.replays", "how" => "refused").increment(1);
            }
            Err(refusal)
        }
        Some(Answer::Known(row)) => {
            operation.progress.runs_elsewhere();
            if asked.respond_async.is_some() && row.state == State::Running {
                return Ok(replays.accepted(&row));
            }
            let row = replays.ended(*row).await?;
            let kept = replays.kept(&row).await;
            let how = if kept.is_ok() { "kept" } else { "refused" };
            counter!("longhaul.replays", "how" => how).increment(1);
            kept
        }
        None => Err(unknown(operation.id())),
    }
}
