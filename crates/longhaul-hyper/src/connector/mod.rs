//! Opens connections that last: one clock over DNS, TCP and TLS, and a meter on what is written.

mod clock;
mod counted;
mod dns;
mod error;
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

use self::{clock::ConnectClock, socket::Socket, tcp::Tcp, tls::Tls};
pub use self::{counted::Connection, error::ConnectError};
use crate::settings::Settings;

/// Opens connections for hyper-util, with one clock over DNS, TCP and TLS.
///
/// A [`Client`](crate::Client) has its own. Made by
/// [`Builder::build_connector`](crate::Builder::build_connector) for a hyper-util client that you set
/// up yourself; the proof of what was written is then not linked to any attempt.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    limit: Duration,
    tcp: Tcp,
    tls: Option<Tls>,
}

impl Connector {
    pub(crate) fn new(settings: &Settings, tls: Option<Tls>) -> Self {
        Self(Arc::new(Parts {
            limit: settings.connect_timeout,
            tcp: Tcp::new(settings),
            tls,
        }))
    }
}

impl Parts {
    async fn connect(&self, uri: Uri) -> Result<Connection, ConnectError> {
        let clock = ConnectClock::start(self.limit);
        let tls = self.tls_for(&uri)?;
        let addresses = clock.within(ConnectStage::Dns, dns::resolve(&uri)).await?;
        let stream = clock
            .within(ConnectStage::Tcp, self.tcp.connect(addresses, uri.clone()))
            .await?;
        let socket = match tls {
            None => Socket::Plain(stream),
            Some(tls) => clock
                .within(ConnectStage::Tls, tls.handshake(host(&uri), stream))
                .await
                .map(|stream| Socket::Tls(Box::new(stream)))?,
        };
        Ok(Connection::new(socket))
    }

    fn tls_for(&self, uri: &Uri) -> Result<Option<&Tls>, ConnectError> {
        let refused = |stage, why: &str| Err(ConnectError::new(stage, why));
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => Ok(None),
            Some(scheme) if *scheme == Scheme::HTTPS => match &self.tls {
                Some(tls) => Ok(Some(tls)),
                None => refused(
                    ConnectStage::Tls,
                    "this client was built for plain http only",
                ),
            },
            _ => refused(
                ConnectStage::Unknown,
                "neither an http nor an https address",
            ),
        }
    }
}

/// The host as DNS and TLS name it: an IPv6 address without its brackets.
fn host(uri: &Uri) -> &str {
    let host = uri.host().unwrap_or_default();
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let parts = self.0.clone();
        Connecting(Box::pin(async move { parts.connect(uri).await }))
    }
}

/// A connection to come. Boxed inside: it is made once per connection, not per call.
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
