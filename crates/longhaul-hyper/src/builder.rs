//! The builder: what is set, and what is refused before there is a client.

use std::{fmt, sync::Arc, time::Duration};

use http_body::Body;
use hyper::client::conn::http1;
use longhaul::{BoxError, ConfigError};
use rustls::ClientConfig;

use crate::{
    call::Shared,
    client::Client,
    connector::{Connector, tls::Tls},
    pool::Pool,
    proxies::Proxies,
    settings::{Keepalive, Settings},
};

/// hyper's own limit for what it reads or writes at once, unless a longer head is allowed.
///
/// A waiting connection holds 8 KiB and grows to this while a large answer comes: with a sixth of it, a picture takes six
/// times as many reads, wakes and writes on its way through a gateway.
const BUFFER: usize = 8192 + 4096 * 100;

/// Makes a [`Client`], or only its [`Connector`].
///
/// Without a call of its methods it makes the client that the [crate's page](crate) describes. Numbers that cannot work, such as a
/// limit of 0, are refused when it builds, by the name of the setting.
///
/// ```
/// # fn example() -> Result<(), longhaul::ConfigError> {
/// use std::time::Duration;
///
/// use longhaul_hyper::{Client, Proxies};
/// # type Body = http_body_util::Full<bytes::Bytes>;
///
/// // In a data centre, where a connection is there at once or not at all, and no proxy is meant.
/// let client: Client<Body> = Client::builder()
///     .connect_timeout(Duration::from_secs(3))
///     .proxies(Proxies::none())
///     .build()?;
/// # Ok(()) }
/// ```
///
/// Every method returns the builder; the last word counts where one is called twice. `Debug` shows the numbers, and of
/// TLS and proxies nothing that is secret.
#[derive(Clone)]
#[must_use = "nothing is made before `build`"]
pub struct Builder {
    settings: Settings,
    trust: Trust,
    // `None`: what the environment says.
    proxies: Option<Proxies>,
}

/// Which certificates an https server must show.
#[derive(Clone)]
enum Trust {
    /// The operating system's root certificates, read when the client is built.
    Platform,
    /// A configuration of the caller's, with roots, client certificates and versions of its own.
    Given(Box<ClientConfig>),
    /// No TLS at all.
    PlainHttpOnly,
}

impl Builder {
    /// The platform's certificates, the default numbers, the environment's proxies.
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            trust: Trust::Platform,
            proxies: None,
        }
    }

    /// All numbers at once, in place of the defaults and of what was set before.
    ///
    /// ```
    /// use longhaul_hyper::{Client, Settings};
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let mut settings = Settings::default();
    /// settings.pool_max_idle_per_host = 0;
    /// let client: Client<Body> = Client::builder().plain_http_only().settings(settings.clone()).build()?;
    /// assert_eq!(*client.settings(), settings);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// One limit over DNS, an outbound proxy, TCP and TLS. 10 s by default.
    ///
    /// A host that is there connects within a second; the rest is room for a lost packet or two. A longer limit only
    /// delays the next attempt, which is free: nothing was sent.
    ///
    /// The error is a [`Timeout`](longhaul::ErrorKind::Timeout) of the connect clock, with a
    /// [`ConnectError`](crate::ConnectError) as its source that says which stage it ran out in.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let client: Client<Body> =
    ///     Client::builder().plain_http_only().connect_timeout(Duration::from_secs(3)).build()?;
    /// assert_eq!(client.settings().connect_timeout.as_secs(), 3);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.settings.connect_timeout = limit;
        self
    }

    /// TCP keepalive, or `None` for none. After 30 s, every 15 s, 5 probes by default.
    ///
    /// Begin earlier where something on the way forgets silent connections sooner; see [`Keepalive`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_hyper::{Client, Keepalive};
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let often = Keepalive { after: Duration::from_secs(10), ..Keepalive::default() };
    /// let client: Client<Body> = Client::builder().plain_http_only().keepalive(often).build()?;
    /// assert_eq!(client.settings().keepalive, Some(often));
    /// let silent: Client<Body> = Client::builder().plain_http_only().keepalive(None).build()?;
    /// assert_eq!(silent.settings().keepalive, None);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn keepalive(mut self, keepalive: impl Into<Option<Keepalive>>) -> Self {
        self.settings.keepalive = keepalive.into();
        self
    }

    /// `TCP_USER_TIMEOUT`, or `None` for the operating system's. 120 s by default.
    ///
    /// It decides how long an outage may last that a call survives, and how long a call waits on a path that is dead. Not
    /// shorter than what the keepalive allows, which it would overrule. Only on Linux and Android.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// // The keepalive's default needs 105 s to call a path dead.
    /// let short = Client::builder().plain_http_only().user_timeout(Duration::from_secs(60));
    /// assert_eq!(short.clone().build::<Body>().unwrap_err().field(), "user_timeout");
    /// assert!(short.keepalive(None).build::<Body>().is_ok());
    /// ```
    pub fn user_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.user_timeout = limit.into();
        self
    }

    /// A connection that was idle this long is closed. 30 s by default.
    ///
    /// Only calls that cost nothing, such as polls of a task, use what was idle for long; see
    /// [`paid_idle_timeout`](Self::paid_idle_timeout).
    ///
    /// More than 0, at most 24 h. A task of the tokio runtime closes what gets too old, while anything is idle.
    pub const fn pool_idle_timeout(mut self, limit: Duration) -> Self {
        self.settings.pool_idle_timeout = limit;
        self
    }

    /// A connection that was idle this long takes no call that may be charged. 2 s by default.
    ///
    /// Such a call carries an [`Attempt`](longhaul::Attempt). A stale connection breaks after the request is
    /// written, and then nobody knows whether it is charged; a handshake is under 1 % of the call. What
    /// costs nothing, as a poll, may take any idle connection.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// // A server that closes idle connections after 1 s: a paid call takes none that is older than half of that.
    /// let client: Client<Body> = Client::builder()
    ///     .plain_http_only()
    ///     .paid_idle_timeout(Duration::from_millis(500))
    ///     .build()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn paid_idle_timeout(mut self, limit: Duration) -> Self {
        self.settings.paid_idle_timeout = limit;
        self
    }

    /// Idle connections kept per host, 5 by default; 0 gives every call a connection of its own.
    ///
    /// At the limit the connection that was idle longest is closed for the new one. A host is scheme, name and port.
    ///
    /// ```
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let client: Client<Body> = Client::builder().plain_http_only().pool_max_idle_per_host(0).build()?;
    /// assert_eq!(client.settings().pool_max_idle_per_host, 0);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn pool_max_idle_per_host(mut self, connections: usize) -> Self {
        self.settings.pool_max_idle_per_host = connections;
        self
    }

    /// The most headers that an answer may have. 100 by default; with any other number hyper makes room for them on
    /// the heap for each answer.
    ///
    /// From 10 to 10,000. An answer with more is an error of the kind
    /// [`MalformedResponse`](longhaul::ErrorKind::MalformedResponse), which may be charged: the request was sent.
    ///
    /// ```
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let wrong = Client::builder().plain_http_only().max_headers(0).build::<Body>();
    /// assert_eq!(wrong.unwrap_err().field(), "max_headers");
    /// ```
    pub const fn max_headers(mut self, headers: usize) -> Self {
        self.settings.max_headers = headers;
        self
    }

    /// The most bytes that the head of an answer may have. 64 KiB by default.
    ///
    /// Raise it for providers that put much into headers; each connection may then buffer that much.
    ///
    /// From 8 KiB to 16 MiB.
    ///
    /// ```
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let client: Client<Body> = Client::builder().plain_http_only().max_head(256 << 10).build()?;
    /// assert_eq!(client.settings().max_head, 262_144);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn max_head(mut self, bytes: usize) -> Self {
        self.settings.max_head = bytes;
        self
    }

    /// Outbound proxies, in place of those that the environment names.
    ///
    /// By default [`Proxies::from_env`]: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    ///
    /// With proxies given, no variable is read, and none can make the building fail.
    ///
    /// ```
    /// use longhaul_hyper::{Client, Proxies};
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let through = Proxies::all("socks5h://127.0.0.1:1080")?.except("relay.internal");
    /// let client: Client<Body> = Client::builder().plain_http_only().proxies(through).build()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// The TLS configuration, in place of the platform's root certificates.
    ///
    /// Its ALPN protocols are overwritten: HTTP/1.1 and nothing else.
    ///
    /// For roots of one's own, client certificates, or a process-wide provider of cryptography. The platform's roots
    /// are then not read.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use longhaul_hyper::Client;
    /// use rustls::{ClientConfig, RootCertStore, crypto::ring};
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// // Nobody is trusted here; a real program adds the roots of its own network.
    /// let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(RootCertStore::empty())
    ///     .with_no_client_auth();
    /// let client: Client<Body> = Client::builder().tls_config(tls).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tls_config(mut self, config: ClientConfig) -> Self {
        self.trust = Trust::Given(Box::new(config));
        self
    }

    /// No TLS and no need of root certificates: an https request fails before it is sent.
    ///
    /// For tests and for private networks.
    ///
    /// ```
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// // No root certificates are read: the client is there also where the machine has none.
    /// let client: Client<Body> = Client::builder().plain_http_only().build()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
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
    /// A setting cannot work, an environment variable holds no URL of a proxy, or the platform has no root
    /// certificates; the error names which.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_hyper::Client;
    /// # type Body = http_body_util::Full<bytes::Bytes>;
    ///
    /// let wrong = Client::builder().plain_http_only().connect_timeout(Duration::ZERO).build::<Body>();
    /// assert_eq!(wrong.unwrap_err().field(), "connect_timeout");
    /// ```
    pub fn build<B>(self) -> Result<Client<B>, ConfigError>
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let settings = self.settings.clone();
        let connector = self.build_connector()?;
        let mut http = http1::Builder::new();
        http.max_header_size(settings.max_head);
        http.max_buf_size(BUFFER.max(settings.max_head));
        if settings.max_headers != Settings::default().max_headers {
            http.max_headers(settings.max_headers);
        }
        Ok(Client::new(Shared {
            pool: Arc::new(Pool::new(&settings)),
            settings,
            connector,
            http,
        }))
    }

    /// Only the connector, for a hyper-util client of your own.
    ///
    /// It brings the connect clock, the sockets, the proxies and TLS. The idle connections, the limits on heads and
    /// the proof of what was written belong to the [`Client`].
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    ///
    /// ```
    /// use longhaul_hyper::{Client, Connector};
    ///
    /// let connector: Connector = Client::builder().plain_http_only().build_connector()?;
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn build_connector(self) -> Result<Connector, ConfigError> {
        self.settings.validate()?;
        let proxies = match self.proxies {
            Some(proxies) => proxies,
            None => Proxies::from_env()?,
        };
        let tls = match self.trust {
            Trust::Platform => Some(Tls::of_platform()?),
            Trust::Given(config) => Some(Tls::new(*config)),
            Trust::PlainHttpOnly => None,
        };
        Ok(Connector::new(&self.settings, tls, proxies.route()))
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
            .field("proxies", &self.proxies)
            .finish()
    }
}
