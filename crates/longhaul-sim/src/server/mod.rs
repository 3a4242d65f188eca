//! The provider on a socket: HTTP/1.1 and HTTP/2, plain and encrypted.
//!
//! A thin front: all that happens is decided by the [`Provider`] behind it. What in process is a
//! [`SimError`](crate::SimError) really happens to the connection here.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use longhaul_sim::{Provider, server::Server};
//!
//! let provider = Provider::default();
//! let server = Server::start(provider.clone()).await?;
//! println!("listening at {}", server.url());
//! // … call it with any HTTP client …
//! provider.oracle().settled().await;
//! server.shutdown().await;
//! # Ok(()) }
//! ```

mod connection;
mod door;
mod log;
mod stream;
mod tls;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::{Future, poll_fn},
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{RootCertStore, pki_types::CertificateDer},
};

pub(crate) use self::door::Doors;
pub use self::log::Connection;
use self::{door::Door, log::Connections, tls::ThrowAway};
use crate::Provider;

/// Which HTTP versions a server speaks, and offers by ALPN.
///
/// A client that must not speak HTTP/2 is tried against each: against [`Any`](Self::Any) it has to choose right, and against
/// [`Http2`](Self::Http2) it has to fail before it sends.
///
/// ```
/// use longhaul_sim::{Provider, server::{Protocols, Server}};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let server = Server::builder(Provider::default()).protocols(Protocols::Http1).start().await?;
/// assert_eq!(server.certificate_pem(), None, "plain, unless TLS is asked for");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocols {
    /// HTTP/2 and HTTP/1.1, in this order. On plain sockets HTTP/2 by prior knowledge.
    #[default]
    Any,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
}

impl Protocols {
    /// In the order of preference.
    fn alpn(self) -> Vec<Vec<u8>> {
        match self {
            Self::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
        }
    }
}

/// Settings of a [`Server`]; made by [`Server::builder`].
///
/// Encrypted it has a certificate that it makes when it starts: a client must be told to trust it, with
/// [`Server::root_store`] or [`Server::certificate_pem`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use longhaul_sim::{Provider, server::{Protocols, Server}};
///
/// // A server that insists on HTTP/2.
/// let server = Server::builder(Provider::default()).tls(true).protocols(Protocols::Http2);
/// let server = server.start().await?;
/// assert!(server.url().starts_with("https://127.0.0.1:"));
/// println!("trust this:\n{}", server.certificate_pem().unwrap_or_default());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct ServerBuilder {
    provider: Provider,
    listen: SocketAddr,
    tls: bool,
    protocols: Protocols,
}

impl ServerBuilder {
    /// Where to listen; a free port of 127.0.0.1 where not set.
    ///
    /// Port 0 takes a free one, which [`Server::addr`] tells.
    ///
    /// ```
    /// use longhaul_sim::{Provider, server::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let server = Server::builder(Provider::default()).listen(([127, 0, 0, 1], 0).into()).start().await?;
    /// assert_ne!(server.addr().port(), 0);
    /// # Ok(()) }
    /// ```
    pub fn listen(self, listen: SocketAddr) -> Self {
        Self { listen, ..self }
    }

    /// Whether connections are encrypted, with a certificate made for this server; not so where not set.
    ///
    /// The certificate names `localhost`, 127.0.0.1, `::1` and the address that is listened at.
    pub fn tls(self, tls: bool) -> Self {
        Self { tls, ..self }
    }

    /// Which HTTP versions are spoken.
    ///
    /// [`Protocols::Any`] where not set.
    pub fn protocols(self, protocols: Protocols) -> Self {
        Self { protocols, ..self }
    }

    /// Starts listening.
    ///
    /// # Errors
    ///
    /// If the address cannot be listened at.
    ///
    /// It must be called inside a tokio runtime with I/O and time enabled. Connections are accepted from now on; a
    /// script that begins with `refused` closes the port at once.
    pub async fn start(self) -> io::Result<Server> {
        let door = Arc::new(Door::open_at(self.listen).await?);
        let tls = self
            .tls
            .then(|| ThrowAway::new(door.addr().ip(), self.protocols))
            .transpose()?;
        self.provider.doors().add(&door, &self.provider);
        let connections = Connections::default();
        let (stop, stopped) = oneshot::channel();
        let acceptor = Acceptor {
            door: Arc::clone(&door),
            tls: tls
                .as_ref()
                .map(|tls| TlsAcceptor::from(Arc::clone(&tls.config))),
            protocols: self.protocols,
            provider: self.provider,
            connections: connections.clone(),
        };
        let acceptor = tokio::spawn(acceptor.run(stopped));
        Ok(Server {
            addr: door.addr(),
            tls,
            connections,
            stop,
            acceptor,
        })
    }
}

/// A provider that listens. Dropping it ends all connections soon; [`shutdown`](Self::shutdown) waits for that.
///
/// Works that were started run to their end as long as the runtime does.
///
/// ```
/// use longhaul_sim::{Provider, server::Server};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let provider = Provider::new("overloaded".parse().unwrap());
/// let server = Server::start(provider.clone()).await?;
/// let mut client = tokio::net::TcpStream::connect(server.addr()).await?;
/// client.write_all(b"POST /v1/images/generations HTTP/1.1\r\nhost: sim\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
/// assert!(answer.starts_with("HTTP/1.1 503"));
/// assert_eq!(provider.oracle().entries()[0].connection, Some(1));
/// # Ok(()) }
/// ```
pub struct Server {
    addr: SocketAddr,
    tls: Option<ThrowAway>,
    connections: Connections,
    stop: oneshot::Sender<()>,
    acceptor: JoinHandle<()>,
}

impl Server {
    /// Listens without encryption at a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    ///
    /// ```
    /// use longhaul_sim::{Provider, server::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let server = Server::start(Provider::new("overloaded".parse().unwrap())).await?;
    /// assert!(server.url().starts_with("http://127.0.0.1:"));
    /// server.shutdown().await;
    /// # Ok(()) }
    /// ```
    pub async fn start(provider: Provider) -> io::Result<Self> {
        Self::builder(provider).start().await
    }

    /// Settings for a server.
    pub fn builder(provider: Provider) -> ServerBuilder {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        ServerBuilder {
            provider,
            listen,
            tls: false,
            protocols: Protocols::default(),
        }
    }

    /// The address that it listens at.
    ///
    /// The port stays the same while a script keeps it closed.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Scheme, host and port, without a slash at the end.
    ///
    /// ```
    /// use longhaul_sim::{Provider, server::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let server = Server::start(Provider::default()).await?;
    /// assert_eq!(server.url(), format!("http://{}", server.addr()));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// The certificate, if connections are encrypted.
    ///
    /// For clients that are configured in code; `None` on a plain server.
    #[must_use]
    pub fn certificate_der(&self) -> Option<&CertificateDer<'static>> {
        self.tls.as_ref().map(|tls| &tls.certificate)
    }

    /// The certificate in the form that most programs read.
    ///
    /// For programs, which take a file (`SSL_CERT_FILE`, `--cacert`); `None` on a plain server.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<&str> {
        self.tls.as_ref().map(|tls| tls.pem.as_str())
    }

    /// What a client must trust: the server's certificate and nothing else. Empty without encryption.
    ///
    /// ```no_run
    /// use longhaul_sim::{Provider, server::Server};
    ///
    /// # async fn example() -> std::io::Result<()> {
    /// let server = Server::builder(Provider::default()).tls(true).start().await?;
    /// assert_eq!(server.root_store().len(), 1);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn root_store(&self) -> Arc<RootCertStore> {
        self.tls.as_ref().map_or_else(
            || Arc::new(RootCertStore::empty()),
            |tls| Arc::clone(&tls.roots),
        )
    }

    /// All connections that were accepted, in order.
    ///
    /// Those that have ended are among them.
    ///
    /// ```
    /// use longhaul_sim::{Provider, server::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let server = Server::start(Provider::default()).await?;
    /// assert!(server.connections().is_empty(), "a server that nobody calls");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        self.connections.list()
    }

    /// Stops listening, ends all connections whatever they are doing, and waits until that is done.
    ///
    /// Works that were started run on; [`Oracle::settled`](crate::Oracle::settled) waits for them.
    pub async fn shutdown(self) {
        // It may have stopped already, with the runtime.
        let _ = self.stop.send(());
        let _ = self.acceptor.await;
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

/// What the accepting task has; the server has only the word that stops it.
struct Acceptor {
    door: Arc<Door>,
    tls: Option<TlsAcceptor>,
    protocols: Protocols,
    provider: Provider,
    connections: Connections,
}

impl Acceptor {
    /// Accepts until it is stopped, and then ends all connections.
    async fn run(self, mut stopped: oneshot::Receiver<()>) {
        let mut serving = JoinSet::new();
        loop {
            let accepted = poll_fn(|cx| {
                if Pin::new(&mut stopped).poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                while let Poll::Ready(Some(_)) = serving.poll_join_next(cx) {}
                self.door.poll_accept(cx).map(Some)
            });
            match accepted.await {
                None => break,
                Some(Ok(tcp)) => {
                    let (tls, provider) = (self.tls.clone(), self.provider.clone());
                    serving.spawn(connection::serve(
                        tcp,
                        tls,
                        self.protocols,
                        provider,
                        self.connections.open(),
                    ));
                }
                // Such as too many open files: it may pass.
                Some(Err(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        drop(self.door);
        serving.shutdown().await;
    }
}
