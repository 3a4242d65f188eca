//! Opens connections that last: one clock over DNS, the proxy on the way, TCP and TLS.
//!
//! The stages follow each other in one function, [`Parts::connect`], and each runs within what the clock has left. A
//! proxy adds a stage between TCP and TLS, and TLS to the host runs inside the tunnel: neither the proxy nor its
//! network sees what is asked or the key. A connection is opened for one call at a time, by the call itself; dropped,
//! it stops where it is.

mod address;
mod clock;
mod connection;
mod dns;
mod error;
mod proxy;
mod roots;
mod socket;
mod tcp;
pub(crate) mod tls;

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use longhaul::error::ConnectStage;
use tower_service::Service;

use self::{
    address::Address,
    clock::ConnectClock,
    proxy::{Protocol, Proxy},
    socket::Socket,
    tcp::Tcp,
    tls::Tls,
};
pub use self::{connection::Connection, error::ConnectError};
use crate::{proxies::Route, settings::Settings};

/// Opens connections for hyper-util, with one clock over DNS, proxy, TCP and TLS.
///
/// A [`Client`](crate::Client) has its own. Made by
/// [`Builder::build_connector`](crate::Builder::build_connector) for a hyper-util client that you set
/// up yourself, such as for its pool; nothing is then proved of what that client writes, and an ending after the connect
/// is of unknown outcome more often.
///
/// ```
/// # fn example() -> Result<(), longhaul::ConfigError> {
/// use hyper_util::{client::legacy, rt::TokioExecutor};
/// use longhaul_hyper::Client;
/// # type Body = http_body_util::Full<bytes::Bytes>;
///
/// let connector = Client::builder().build_connector()?;
/// let client: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new())
///     // Else it would send a request again that no ledger knows.
///     .retry_canceled_requests(false)
///     .build(connector);
/// # Ok(()) }
/// ```
///
/// It is always ready, and cheap to clone. Its error is a [`ConnectError`], after which nothing was sent.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Parts>);

/// What all clones share.
#[derive(Debug)]
struct Parts {
    limit: Duration,
    tcp: Tcp,
    tls: Option<Tls>,
    route: Route,
}

impl Connector {
    pub(crate) fn new(settings: &Settings, tls: Option<Tls>, route: Route) -> Self {
        Self(Arc::new(Parts {
            limit: settings.connect_timeout,
            tcp: Tcp::new(settings),
            tls,
            route,
        }))
    }

    /// A connection to where `uri` says.
    pub(crate) async fn open(&self, uri: Uri) -> Result<Connection, ConnectError> {
        self.0.connect(&uri).await.map(Connection::new)
    }
}

impl Parts {
    /// All stages, in order. A URI that is neither http nor https is refused before anything is opened.
    async fn connect(&self, uri: &Uri) -> Result<Socket, ConnectError> {
        let clock = ConnectClock::start(self.limit);
        let tls = self.tls_for(uri)?;
        let target = Address::of(uri);
        let socket = match self.route.proxy_for(uri).map(Proxy::new) {
            None => self.reach(&clock, &target).await?,
            Some(proxy) => self
                .through(&clock, &proxy, &target)
                .await
                .map_err(|error| error.at_proxy(proxy.name()))?,
        };
        match tls {
            None => Ok(socket),
            Some(tls) => self.encrypt(&clock, tls, &target, socket).await,
        }
    }

    /// A TCP connection to `address`.
    async fn reach(&self, clock: &ConnectClock, address: &Address) -> Result<Socket, ConnectError> {
        let found = clock
            .within(ConnectStage::Dns, dns::resolve(address))
            .await?;
        clock
            .within(ConnectStage::Tcp, self.tcp.connect(found))
            .await
            .map(Socket::Plain)
    }

    /// TLS over what was reached; to a proxy, to the host, or to the host through the proxy.
    async fn encrypt(
        &self,
        clock: &ConnectClock,
        tls: &Tls,
        address: &Address,
        socket: Socket,
    ) -> Result<Socket, ConnectError> {
        clock
            .within(ConnectStage::Tls, tls.handshake(address.host(), socket))
            .await
            .map(|stream| Socket::Tls(Box::new(stream)))
    }

    /// A connection to `target` through `proxy`.
    ///
    /// A proxy that is spoken to over TLS is checked by the same certificates as a host.
    async fn through(
        &self,
        clock: &ConnectClock,
        proxy: &Proxy,
        target: &Address,
    ) -> Result<Socket, ConnectError> {
        let mut socket = self.reach(clock, &proxy.address).await?;
        if proxy.protocol() == Protocol::Https {
            let tls = self.tls()?;
            socket = self.encrypt(clock, tls, &proxy.address, socket).await?;
        }
        clock
            .within(ConnectStage::Unknown, proxy.open(socket, target))
            .await
    }

    /// Whether this URI needs TLS, and whose.
    fn tls_for(&self, uri: &Uri) -> Result<Option<&Tls>, ConnectError> {
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => Ok(None),
            Some(scheme) if *scheme == Scheme::HTTPS => self.tls().map(Some),
            _ => Err(ConnectError::new(
                ConnectStage::Unknown,
                "neither an http nor an https address",
            )),
        }
    }

    /// The client's TLS; an error where it was built for plain http.
    fn tls(&self) -> Result<&Tls, ConnectError> {
        self.tls.as_ref().ok_or_else(|| {
            let why = "this client was built for plain http only";
            ConnectError::new(ConnectStage::Tls, why)
        })
    }
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Connecting(Box::pin(async move { connector.open(uri).await }))
    }
}

/// A connection to come. Boxed inside: it is made once per connection, not per call.
///
/// Dropped, it closes what was opened until then. Nothing of a request has been written.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_hyper::Client;
/// use tower_service::Service;
///
/// let mut connector = Client::builder().plain_http_only().build_connector()?;
/// // Such a client has no TLS, so that an https address fails before a socket is opened.
/// let connecting = connector.call("https://127.0.0.1:1".parse()?);
/// assert!(connecting.await.unwrap_err().timed_out().is_none());
/// # Ok(()) }
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Connecting(Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>);

impl Future for Connecting {
    type Output = Result<Connection, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
