//! A client that answers as it is told.

use std::{
    fmt,
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use http::{Request, Response, request};
use http_body::Body;
use tower_service::Service;

use super::{BoxError, MockBody};

/// A client that reads each request whole and answers as it is told.
///
/// It keeps tower's contract to the letter: each clone has to be made ready by itself, and panics where it is called without.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use http_body_util::Empty;
/// use longhaul_testing::{MockBody, MockClient};
/// use tower::ServiceExt;
///
/// let client = MockClient::new(|_| async { Ok(http::Response::new(MockBody::of(["a cat"]))) });
/// let request = http::Request::get("http://sim.test/").body(Empty::<bytes::Bytes>::new()).unwrap();
/// client.clone().oneshot(request).await.unwrap();
/// assert_eq!((client.calls().len(), client.reserved()), (1, 0));
/// # }
/// ```
pub struct MockClient {
    shared: Arc<Mutex<Shared>>,
    readied: bool,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<MockBody>, BoxError>> + Send>>;

struct Shared {
    answer: Box<dyn FnMut(&request::Parts) -> Answer + Send>,
    calls: Vec<request::Parts>,
    /// How often it becomes ready, and the error in whose place it is never ready again.
    ready: (usize, Option<&'static str>),
    reserved: usize,
}

impl MockClient {
    /// Answers each call with what comes of the future that `answer` makes of its head.
    pub fn new<F>(mut answer: impl FnMut(&request::Parts) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<Response<MockBody>, BoxError>> + Send + 'static,
    {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                answer: Box::new(move |head| Box::pin(answer(head))),
                calls: Vec::new(),
                ready: (usize::MAX, None),
                reserved: 0,
            })),
            readied: false,
        }
    }

    /// Becomes ready so many times; then it fails so, or is pending for ever.
    #[must_use]
    pub fn ready_only(self, times: usize, then: Option<&'static str>) -> Self {
        self.shared().ready = (times, then);
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
        let readied = mem::take(&mut self.readied);
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
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.readied {
            return Poll::Ready(Ok(()));
        }
        let mut shared = self.shared.lock().expect("no call panicked");
        match &mut shared.ready {
            (0, Some(why)) => return Poll::Ready(Err((*why).into())),
            (0, None) => return Poll::Pending,
            (left, _) => *left -= 1,
        }
        shared.reserved += 1;
        self.readied = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(self.give_back(), "called without being ready");
        let (head, body) = request.into_parts();
        let mut shared = self.shared();
        let answer = (shared.answer)(&head);
        shared.calls.push(head);
        drop(shared);
        Box::pin(async move {
            let mut body = pin!(body);
            while let Some(Ok(_)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {}
            answer.await
        })
    }
}
