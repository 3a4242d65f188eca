//! The client as a service: a request becomes a future, and whatever cannot be sent an error.

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response, header::CONTENT_LENGTH};
use http_body::Body;
use longhaul::{Attempt, BoxError, Error};
use tower_service::Service;

use crate::{
    body::{RequestBody, ResponseBody},
    builder::Builder,
    call::{Outgoing, Shared},
    failure,
    future::ResponseFuture,
    proof::Exchange,
    request::{Unsendable, prepare},
    settings::Settings,
};

/// An HTTP client for calls that take minutes. See the [crate] for what it does otherwise than others.
///
/// ```no_run
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::{BodyExt, Full};
/// use longhaul_hyper::Client;
/// use tower_service::Service;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client: Client<Full<Bytes>> = Client::builder().build()?;
/// let request = Request::post("https://api.example.com/v1/images/generations")
///     .header("content-type", "application/json")
///     .body(Full::from(r#"{"prompt": "a cat"}"#))?;
/// let answer = client.call(request).await?;
/// let picture = answer.into_body().collect().await?.to_bytes();
/// # Ok(()) }
/// ```
///
/// Such a call has no limit but the connect clock: limits by size, retries and the ledger are the layers' of
/// [`longhaul::Stack`], which goes around this client.
///
/// Cheap to clone; clones share the idle connections.
///
/// It is always ready: a limit of calls in flight is a layer's to keep. It must be called inside a
/// tokio runtime with time and I/O enabled. No task runs for a call: its connection is driven by the
/// call itself, and then by the body of the answer.
///
/// Its errors are [`longhaul::Error`]s, which say what was sent. A server that closes the connection in place of an
/// answer:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use longhaul::ErrorKind;
/// use longhaul_hyper::Client;
/// use tokio::{io::AsyncReadExt, net::TcpListener};
/// use tower_service::Service;
///
/// let server = TcpListener::bind("127.0.0.1:0").await?;
/// let url = format!("http://{}/", server.local_addr()?);
/// tokio::spawn(async move {
///     let (mut line, _) = server.accept().await.unwrap();
///     let _ = line.read(&mut [0; 4096]).await;
/// });
///
/// let mut client: Client<Full<Bytes>> = Client::builder().plain_http_only().build()?;
/// let error = client.call(http::Request::post(url).body(Full::from("{}"))?).await.unwrap_err();
/// // The request was written, so that the server may be at work.
/// assert_eq!(error.kind(), &ErrorKind::Disconnected);
/// # Ok(()) }
/// ```
pub struct Client<B> {
    shared: Arc<Shared>,
    // A call takes one, and nothing here holds one.
    body: PhantomData<fn(B)>,
}

impl Client<()> {
    /// A builder with the defaults; the body type is chosen at its `build`.
    ///
    /// `B` is what the caller of the client sends. Below a [`Stack`](longhaul::Stack) that is
    /// [`StackRequestBody`](longhaul::StackRequestBody) of the caller's own.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    /// use longhaul_hyper::Client;
    ///
    /// let client = Client::builder().plain_http_only().build::<Full<Bytes>>()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<B> Client<B> {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            body: PhantomData,
        }
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// The numbers that it was built with, such as for a log line at the start of a program.
    ///
    /// ```
    /// use longhaul_hyper::{Client, Settings};
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let client: Client<Body> = Client::builder().plain_http_only().build()?;
    /// assert_eq!(client.settings(), &Settings::default());
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }
}

impl<B> Service<Request<B>> for Client<B>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    /// Whatever happens is in the future, a request that cannot be sent too: no call of this panics on a request's
    /// content.
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let attempt = request.extensions().get::<Attempt>().cloned();
        if let Some(attempt) = &attempt {
            // From now on nothing counts as sent before there is a connection that counts.
            attempt.connecting();
        }
        match outgoing(request) {
            Ok(outgoing) => ResponseFuture::new(self.shared.clone().carry(outgoing, attempt)),
            Err(unsendable) => {
                let error = failure::of_attempt(failure::of_request(unsendable), attempt.as_ref());
                ResponseFuture::new(std::future::ready(Err(error)))
            }
        }
    }
}

/// Makes a request ready to be written, with the counts that go with it.
///
/// A `content-length` that the caller has set counts as the body's length: hyper writes so many bytes and no more, and
/// the body has ended then.
pub(crate) fn outgoing<B>(mut request: Request<B>) -> Result<Outgoing, Unsendable>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let origin = prepare(&mut request)?;
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let exchange = Arc::<Exchange>::default();
    let request = request.map(|body| RequestBody::new(body, length, exchange.clone()));
    Ok(Outgoing {
        origin,
        request,
        exchange,
    })
}

// Not derived: that would ask for `B: Clone`.
impl<B> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            body: PhantomData,
        }
    }
}

impl<B> fmt::Debug for Client<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}
