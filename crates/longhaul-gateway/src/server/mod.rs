//! Listening: connections within limits, and an orderly end.
//!
//! The limits are for callers who write slowly or without end: how long a head may take and be, how many connections
//! there are. Those on bodies are [`ReadLimits`](crate::body::ReadLimits). TLS is the load balancer's in front.
//!
//! ```no_run
//! use std::time::Duration;
//! use longhaul_gateway::{config::Config, gateway::Gateway, server::{Server, stop_signal}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::load("gateway.toml".as_ref())?;
//! let gateway = Gateway::new(&config).await?;
//! let server = Server::bind(config.listen, config.limits.clone()).await?;
//! let answer = move |request| {
//!     let gateway = gateway.clone();
//!     async move { gateway.answer(request).await }
//! };
//! let all_finished = server.serve(answer, stop_signal(), Duration::from_secs(600)).await;
//! # Ok(()) }
//! ```

mod admin;
mod drain;
mod open_files;

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::FutureExt;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

pub use self::{admin::Admin, drain::stop_signal, open_files::open_more_files};
use crate::config::ServerLimits;

/// After a failure to accept, such as too many open files.
///
/// Also between two looks at the first bytes of a connection that could still become HTTP/2.
const PAUSE: Duration = Duration::from_millis(50);

/// A bound address, ready to serve.
///
/// It answers nothing until it [serves](Self::serve); callers that connect before wait in the system's queue.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    limits: ServerLimits,
}

impl Server {
    /// Listens at `address`.
    ///
    /// ```
    /// use longhaul_gateway::{config::ServerLimits, server::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).await?;
    /// assert_ne!(server.address()?.port(), 0, "the system has chosen one");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Where the address is taken, or not this machine's.
    pub async fn bind(address: SocketAddr, limits: ServerLimits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, limits })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` ends, then lets calls in flight finish for at most `drain`. True if all did.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::body::Body;
    /// use http::{Request, Response};
    /// use longhaul_gateway::{config::ServerLimits, server::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = Server::bind(([127, 0, 0, 1], 0).into(), ServerLimits::default()).await?;
    /// let hello = |_: Request<Body>| async { Response::new(Body::from("hello")) };
    /// let stop = async { /* a signal */ };
    /// assert!(server.serve(hello, stop, Duration::from_secs(10)).await, "nothing was in flight");
    /// # Ok(()) }
    /// ```
    ///
    /// `handler` is cloned for each connection and called for each request; it never fails, since every failure is an
    /// answer. A request whose caller hangs up has its future dropped. From the end of `stop` on no connection is
    /// accepted, and idle ones are closed.
    ///
    /// HTTP/1.1 and HTTP/2 without TLS are told apart by their first bytes. Dropped, it accepts no more, and
    /// connections that are open go on.
    pub async fn serve<H, F>(
        self,
        handler: H,
        stop: impl Future<Output = ()>,
        drain: Duration,
    ) -> bool
    where
        H: Fn(Request<Body>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(
            self.limits.connections.min(Semaphore::MAX_PERMITS),
        ));
        let builder = builder(&self.limits);
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            let (stream, place) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            // A sign of life is one byte, and must not wait for others.
            let _ = stream.set_nodelay(true);
            let handler = handler.clone();
            let (builder, watcher, head_time) =
                (builder.clone(), graceful.watcher(), self.limits.head_time);
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                handler(request.map(Body::new)).map(Ok::<_, Infallible>)
            });
            tokio::spawn(async move {
                let _place = place;
                let Ok(Ok(version)) = timeout(head_time, begins(&stream)).await else {
                    return;
                };
                let builder = match version {
                    Version::HTTP_2 => builder.http2_only(),
                    _ => builder.http1_only(),
                };
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection.into_owned()).await {
                    tracing::debug!(error, "a connection ended badly");
                }
            });
        }
        drop(self.listener);
        timeout(drain, graceful.shutdown()).await.is_ok()
    }
}

/// Waits until the first bytes tell which version of HTTP a caller speaks, or that it is gone. hyper-util would wait for them
/// without a limit, and then hold twice the buffer for a call's head, since those bytes are in it already.
///
/// It looks and takes nothing: the bytes are hyper's to read.
async fn begins(stream: &TcpStream) -> io::Result<Version> {
    const HTTP2: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    loop {
        let mut begin = [0; HTTP2.len()];
        let length = stream.peek(&mut begin).await?;
        if length == 0 || begin[..length] != HTTP2[..length] {
            return Ok(Version::HTTP_11);
        }
        if length == HTTP2.len() {
            return Ok(Version::HTTP_2);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The place first: with none free nothing is accepted, and the system's queue holds back who comes.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places
        .clone()
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Pings of HTTP/2 every 30 s find out that a caller is gone without a word; over HTTP/1 the next sign of life does.
fn builder(limits: &ServerLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes);
    let head = u32::try_from(limits.head_bytes).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_header_list_size(head);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_connections_as_a_number_can_say_are_served() {
        let limits = ServerLimits {
            connections: usize::MAX,
            ..ServerLimits::default()
        };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).await;
        let answer = |_| async { Response::new(Body::empty()) };
        assert!(server.unwrap().serve(answer, async {}, PAUSE).await);
    }
}
