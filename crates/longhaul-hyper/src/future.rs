//! The future of a call.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use longhaul::Error;

use crate::body::ResponseBody;

type Answer = Result<Response<ResponseBody>, Error>;

/// The answer to come.
///
/// Boxed inside, since the future of hyper's own sender has no name. While it is polled, its connection
/// writes and reads; dropped, its connection is closed, and not a byte more is written.
///
/// # Panics
///
/// When polled again after it was ready.
///
/// Dropping it is how a call is given up: the server sees the connection closed. What was written until then is final
/// and stands on the attempt's handle.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use longhaul_hyper::Client;
/// use tokio::{io::AsyncReadExt, net::TcpListener};
/// use tower_service::Service;
///
/// let server = TcpListener::bind("127.0.0.1:0").await?;
/// let url = format!("http://{}/", server.local_addr()?);
/// let mut client: Client<Full<Bytes>> = Client::builder().plain_http_only().build()?;
/// let mut call = client.call(http::Request::post(url).body(Full::from("{}"))?);
/// // Polled until the server has the connection, and then dropped.
/// let mut line = tokio::select! {
///     line = server.accept() => line?.0,
///     answer = &mut call => panic!("nobody answers: {answer:?}"),
/// };
/// drop(call);
/// let mut received = Vec::new();
/// line.read_to_end(&mut received).await?;
/// # Ok(()) }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Answer> + Send>>);

impl ResponseFuture {
    pub(crate) fn new(call: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self(Box::pin(call))
    }
}

impl Future for ResponseFuture {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
