use std::{fmt, time::Duration};

use http_body::Body;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use longhaul::{BoxError, ConfigError};
use rustls::ClientConfig;

use crate::{
    client::Client,
    connector::{Connector, tls::Tls},
    settings::{HttpVersion, Keepalive, Settings},
};

/// hyper's read and write buffer per connection; it bounds the head of an answer too.
///
/// A waiting connection holds 8 KiB and grows to this while a large answer comes; hyper's own limit is
/// 408 KiB. That would save some 10 ms on 30 MB over loopback, nothing in a call of minutes. And the
/// less of a request lies in here, the closer is its "handed over" to its "written".
const BUFFER: usize = 64 * 1024;

/// Makes a [`Client`].
#[derive(Clone)]
#[must_use = "nothing is made before `build`"]
pub struct Builder {
    settings: Settings,
    trust: Trust,
}

/// Where https gets its trust from.
#[derive(Clone)]
enum Trust {
    Platform,
    Given(Box<ClientConfig>),
    PlainHttpOnly,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            trust: Trust::Platform,
        }
    }

    /// All numbers at once, in place of the defaults and of what was set before.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// One limit over DNS, TCP and TLS. 10 s by default.
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.settings.connect_timeout = limit;
        self
    }

    /// TCP keepalive, or `None` for none. After 30 s, every 15 s, 5 probes by default.
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.settings.keepalive = keepalive.into();
        self
    }

    /// `TCP_USER_TIMEOUT`, or `None` for the operating system's. 120 s by default.
    ///
    /// Not shorter than what the keepalive allows, which it would overrule. Only on Linux and Android.
    pub fn user_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.user_timeout = limit.into();
        self
    }

    /// A pooled connection that was idle this long is not used again. 2 s by default.
    pub const fn pool_idle_timeout(mut self, limit: Duration) -> Self {
        self.settings.pool_idle_timeout = limit;
        self
    }

    /// Idle connections kept per host, 5 by default; 0 gives every call a connection of its own.
    pub const fn pool_max_idle_per_host(mut self, connections: usize) -> Self {
        self.settings.pool_max_idle_per_host = connections;
        self
    }

    /// Which HTTP versions may be spoken: HTTP/1.1 only by default.
    ///
    /// It holds for all hosts of a client. Cheap calls that may use HTTP/2 get a second client.
    pub const fn http_version(mut self, version: HttpVersion) -> Self {
        self.settings.http_version = version;
        self
    }

    /// The TLS configuration, in place of the platform's root certificates.
    ///
    /// Its ALPN protocols are overwritten with what [`http_version`](Self::http_version) allows.
    pub fn tls_config(mut self, config: ClientConfig) -> Self {
        self.trust = Trust::Given(Box::new(config));
        self
    }

    /// No TLS and no need of root certificates: an https request fails before it is sent.
    ///
    /// For tests and for private networks.
    pub fn plain_http_only(mut self) -> Self {
        self.trust = Trust::PlainHttpOnly;
        self
    }

    /// The client.
    ///
    /// Reads the platform's root certificates from disk, unless told otherwise.
    ///
    /// # Errors
    ///
    /// A setting cannot work, or the platform has no root certificates; the error names which.
    pub fn build<B>(self) -> Result<Client<B>, ConfigError>
    where
        B: Body + Send + 'static + Unpin,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let settings = self.settings.clone();
        let connector = self.build_connector()?;
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.pool_idle_timeout)
            .pool_max_idle_per_host(settings.pool_max_idle_per_host)
            .http1_max_buf_size(BUFFER)
            // One attempt is sent once, or the ledger does not know what it counts.
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Client::new(inner, settings))
    }

    /// Only the connector, for a hyper-util client of your own.
    ///
    /// It brings the connect clock, the sockets and TLS. The pool's settings and the proof of what was
    /// written belong to the [`Client`].
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_connector(self) -> Result<Connector, ConfigError> {
        self.settings.validate()?;
        let version = self.settings.http_version;
        let tls = match self.trust {
            Trust::Platform => Some(Tls::of_platform(version)?),
            Trust::Given(config) => Some(Tls::new(*config, version)),
            Trust::PlainHttpOnly => None,
        };
        Ok(Connector::new(&self.settings, tls))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A TLS configuration can hold a client's key; the debug output names its origin only.
        let trust = match self.trust {
            Trust::Platform => "platform",
            Trust::Given(_) => "given",
            Trust::PlainHttpOnly => "plain http only",
        };
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("trust", &trust)
            .finish()
    }
}
