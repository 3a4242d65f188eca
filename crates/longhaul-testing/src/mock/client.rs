use std::{
    fmt,
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, request};
use http_body::Body;
use tokio::time::sleep;
use tower_service::Service;

use super::{BoxError, MockBody, reset};

/// What becomes of one call to a [`MockClient`].
#[derive(Debug)]
pub struct Reply {
    polls: usize,
    after: Duration,
    /// `None`: never.
    answer: Option<Result<Response<MockBody>, BoxError>>,
}

impl Reply {
    /// An answer without a body.
    ///
    /// Panics if `status` is none.
    pub fn status(status: u16) -> Self {
        let mut response = Response::new(MockBody::default());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        Self::answer(response)
    }

    /// This answer.
    pub fn answer(response: Response<MockBody>) -> Self {
        Self::with(Some(Ok(response)))
    }

    /// This error.
    pub fn error(error: impl Into<BoxError>) -> Self {
        Self::with(Some(Err(error.into())))
    }

    /// The connection is reset.
    pub fn reset() -> Self {
        Self::error(reset())
    }

    /// Nothing, for ever.
    pub fn silence() -> Self {
        Self::with(None)
    }

    fn with(answer: Option<Result<Response<MockBody>, BoxError>>) -> Self {
        Self {
            polls: 0,
            after: Duration::ZERO,
            answer,
        }
    }

    /// The same with this body, if it is an answer.
    #[must_use]
    pub fn body(mut self, body: MockBody) -> Self {
        if let Some(Ok(response)) = &mut self.answer {
            *response.body_mut() = body;
        }
        self
    }

    /// The same with this header, if it is an answer.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        if let Some(Ok(response)) = &mut self.answer {
            let (name, value) = (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
            response.headers_mut().insert(name, value);
        }
        self
    }

    /// The same after this long.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.after = wait;
        self
    }

    /// The same once it was pending so many times.
    #[must_use]
    pub const fn after_polls(mut self, polls: usize) -> Self {
        self.polls = polls;
        self
    }
}

type Answer = Box<dyn FnMut(&request::Parts) -> Reply + Send>;

/// A client that reads each request whole and replies as it is told.
///
/// It keeps tower's contract to the letter: each clone has to be made ready by itself, and panics where it is called without.
pub struct MockClient {
    shared: Arc<Mutex<Shared>>,
    readied: bool,
}

struct Shared {
    answer: Answer,
    calls: Vec<request::Parts>,
    /// How often it becomes ready, and the error in whose place it is never ready again.
    ready: Option<(usize, Option<&'static str>)>,
    reserved: usize,
}

impl MockClient {
    /// Replies to each call with what `answer` makes of its head.
    pub fn new(answer: impl FnMut(&request::Parts) -> Reply + Send + 'static) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                answer: Box::new(answer),
                calls: Vec::new(),
                ready: None,
                reserved: 0,
            })),
            readied: false,
        }
    }

    /// These replies, one after the other; a further call panics.
    pub fn replying(replies: impl IntoIterator<Item = Reply, IntoIter: Send + 'static>) -> Self {
        let mut replies = replies.into_iter();
        Self::new(move |_| replies.next().expect("one call too many"))
    }

    /// Becomes ready so many times; then it fails so, or is pending for ever.
    #[must_use]
    pub fn ready_only(self, times: usize, then: Option<&'static str>) -> Self {
        self.shared().ready = Some((times, then));
        self
    }

    /// The heads of the calls that came.
    pub fn calls(&self) -> Vec<request::Parts> {
        self.shared().calls.clone()
    }

    /// How many clones were made ready and not called yet.
    pub fn reserved(&self) -> usize {
        self.shared().reserved
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no call panicked")
    }

    fn give_back(&mut self) -> bool {
        let readied = std::mem::take(&mut self.readied);
        if readied && let Ok(mut shared) = self.shared.lock() {
            shared.reserved -= 1;
        }
        readied
    }
}

impl Clone for MockClient {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            readied: false,
        }
    }
}

impl Drop for MockClient {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for MockClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockClient").finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for MockClient
where
    B: Body<Data: Send> + Send + 'static,
{
    type Response = Response<MockBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<MockBody>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.readied {
            return Poll::Ready(Ok(()));
        }
        let mut shared = self.shared.lock().expect("no call panicked");
        match &mut shared.ready {
            Some((0, Some(why))) => return Poll::Ready(Err((*why).into())),
            Some((0, None)) => return Poll::Pending,
            Some((left, _)) => *left -= 1,
            None => {}
        }
        shared.reserved += 1;
        self.readied = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(self.give_back(), "called without being ready");
        let (head, body) = request.into_parts();
        let reply = {
            let mut shared = self.shared();
            let reply = (shared.answer)(&head);
            shared.calls.push(head);
            reply
        };
        Box::pin(async move {
            let mut body = Box::pin(body);
            while let Some(Ok(_)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {}
            for _ in 0..reply.polls {
                tokio::task::yield_now().await;
            }
            if !reply.after.is_zero() {
                sleep(reply.after).await;
            }
            match reply.answer {
                Some(answer) => answer,
                None => pending().await,
            }
        })
    }
}
