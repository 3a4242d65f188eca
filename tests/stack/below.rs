//! A scripted service with `BoxError`, to stand below layers that stand alone.

use std::{
    future::{Future, pending},
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use longhaul::BoxError;
use tower::Service;

type Answer = Result<Response<Full<Bytes>>, BoxError>;

pub(crate) const PICTURE: &str = r#"{"data":[{"b64_json":"aW1n"}]}"#;

/// Takes every request whole, and then does the same thing with all of them.
#[derive(Clone)]
pub(crate) struct Below {
    does: Does,
    calls: Arc<AtomicU32>,
}

#[derive(Clone, Copy)]
pub(crate) enum Does {
    /// Answers with these statuses one after the other; 200 after the last.
    Answer(&'static [u16]),
    Silence,
    Reset,
}

impl Below {
    pub(crate) fn that(does: Does) -> Self {
        Self {
            does,
            calls: Arc::default(),
        }
    }

    pub(crate) fn answering(statuses: &'static [u16]) -> Self {
        Self::that(Does::Answer(statuses))
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Relaxed)
    }

    async fn answer(self) -> Answer {
        let call = self.calls.fetch_add(1, Relaxed) as usize;
        let status = match self.does {
            Does::Answer(statuses) => statuses.get(call).copied().unwrap_or(200),
            Does::Silence => pending().await,
            Does::Reset => {
                return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
            }
        };
        Ok(Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Full::from(PICTURE))?)
    }
}

impl<B> Service<Request<B>> for Below
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let below = self.clone();
        Box::pin(async move {
            drop(request.into_body().collect().await);
            below.answer().await
        })
    }
}
