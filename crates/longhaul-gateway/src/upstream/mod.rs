//! An upstream: where calls go, by which policy, with which key.
//!
//! Each has a stack of layers, a client and places of its own, so that one provider that is slow or overloaded takes nothing
//! from calls to another. What comes back is the provider's answer with the gateway's headers, or a refusal: never an error
//! that a server would have to make up an answer for.
//!
//! ```no_run
//! use longhaul::observe::Observer;
//! use longhaul_gateway::{
//!     config::{ServerLimits, UpstreamConfig},
//!     telemetry::History,
//!     upstream::{Books, Upstream},
//! };
//!
//! # fn main() -> Result<(), longhaul::ConfigError> {
//! let config = UpstreamConfig::new("relay", "https://relay.example.com");
//! let books = Books::Memory(longhaul::billing::MemoryLedger::new());
//! let silent = Observer::new(|_| {});
//! let upstream = Upstream::new(config, &ServerLimits::default(), &books, silent, &History::default())?;
//! assert_eq!((upstream.name(), upstream.in_flight()), ("relay", 0));
//! # Ok(()) }
//! ```

mod books;
mod call;
mod deadline;
mod layers;
mod matching;
mod tasks;

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use longhaul_hyper::Client;
use longhaul_providers::rewrite::ProviderRewrite;

pub(crate) use self::deadline::usual as usual_deadline_headers;
use self::layers::{Layers, client};
pub use self::{
    books::Books,
    call::CallUpstream,
    deadline::{DeadlineForm, DeadlineHeader},
};
pub(crate) use self::{call::no_upstream, matching::host};
use crate::{
    config::{Secret, ServerLimits, UpstreamConfig},
    core::{
        ConfigError, Money, Observer, Policy, PriceTable, Provider, RouteHistory, Stack, Workload,
    },
    dialect::Dialect,
    forward::{Rebase, strip_hop_by_hop, strip_keys},
    refusal::Refusal,
    telemetry::History,
    turns::Turns,
};

/// Headers of a caller's that end at the gateway: its own, and those by which SDKs count their retries.
///
/// A provider has no use for them, and a size or an operation's name is nobody's business there.
const OWN_PREFIX: &str = "x-longhaul-";
const ENDS_HERE: [HeaderName; 4] = [
    header::HOST,
    header::EXPECT,
    HeaderName::from_static("x-stainless-retry-count"),
    // Two callers that share a provider's key may use the same one: the layers send one of their own.
    HeaderName::from_static("idempotency-key"),
];

/// An upstream, ready to be called. A request extension.
///
/// A configuration that is read anew makes a new one; calls in flight keep the one that they began with.
///
/// It is made of its configuration, and looked at while it runs:
///
/// ```
/// use longhaul::{Workload, Resolution, billing::PriceRow, Money};
/// use longhaul_gateway::{config::{ServerLimits, UpstreamConfig}, telemetry::History, upstream::{Books, Upstream}};
///
/// # fn main() -> Result<(), longhaul::ConfigError> {
/// let mut config = UpstreamConfig::new("relay", "http://127.0.0.1:9/base/");
/// config.policy.billing.prices = vec![PriceRow::new("127.0.0.1", "*", Money::usd_micros(240_000))];
/// # let books = Books::Memory(longhaul::billing::MemoryLedger::new());
/// # let silent = longhaul::observe::Observer::new(|_| {});
/// let upstream = Upstream::new(config, &ServerLimits::default(), &books, silent, &History::default())?;
/// assert_eq!(upstream.url(), "http://127.0.0.1:9/base");
/// let picture = Workload::of(Resolution::K4);
/// assert_eq!(upstream.price(&picture), Some(Money::usd_micros(240_000)));
/// assert!(upstream.routes().routes().is_empty(), "nothing was sent yet");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Upstream(Arc<Shared>);

/// What all clones share. `pass` is a client of its own without any layer, for requests that are only passed on.
struct Shared {
    config: UpstreamConfig,
    rebase: Rebase,
    key: UpstreamKey,
    provider: Provider,
    layers: Layers,
    pass: Client<Body>,
    prices: Arc<PriceTable>,
    turns: Turns,
    history: History,
}

/// Whose key goes to the provider.
enum UpstreamKey {
    /// The caller's own goes on.
    Callers,
    /// None at all, or the provider's.
    Own(Option<Secret>, Option<HeaderName>),
}

impl Upstream {
    /// Reads the key and builds the layers.
    ///
    /// Builds clients, and connects to nothing. `observer` hears of every attempt; `history` is told what runs and
    /// what ended, and is shared by all upstreams of a gateway.
    ///
    /// # Errors
    ///
    /// The key of the configuration that cannot work: `url`, `key`, `key_header`, or one of the `policy`.
    pub fn new(
        config: UpstreamConfig,
        limits: &ServerLimits,
        books: &Books,
        observer: Observer,
        history: &History,
    ) -> Result<Self, ConfigError> {
        let rebase = Rebase::new(&config.url, &config.strip)
            .map_err(|error| ConfigError::new("url", error.to_string()))?;
        let key = match &config.key {
            None => UpstreamKey::Callers,
            Some(source) => {
                let name = match &config.key_header {
                    None => None,
                    Some(name) => Some(HeaderName::try_from(name).map_err(|_| {
                        ConfigError::new("key_header", format!("{name:?} is no header's name"))
                    })?),
                };
                UpstreamKey::Own(source.read()?, name)
            }
        };
        let provider = match &config.provider {
            Some(name) => name.clone(),
            None => rebase.host().to_ascii_lowercase(),
        };
        let policy = effective(&config, limits);
        let prices = Arc::new(PriceTable::new(policy.billing.prices.clone())?);
        let stack = Stack::with_rewrite(policy, ProviderRewrite)
            .map_err(|error| error.under("policy"))?
            .with_observer(observer);
        let plain = config.url.starts_with("http://");
        let layers = Layers::new(stack, &config, books, &prices)?;
        Ok(Self(Arc::new(Shared {
            turns: Turns::new(config.places),
            history: history.clone(),
            pass: client(plain)?,
            provider: Provider::new(provider),
            rebase,
            key,
            layers,
            prices,
            config,
        })))
    }

    /// What logs, metrics and the page call it.
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    /// Where calls go.
    ///
    /// Without a slash at its end, and without what is stripped off callers' paths.
    pub fn url(&self) -> String {
        self.0.rebase.url()
    }

    /// The host of its URL.
    pub(crate) fn host(&self) -> &str {
        self.0.rebase.host()
    }

    /// What ledger and price rows call it.
    pub(crate) fn provider(&self) -> &str {
        self.0.provider.as_str()
    }

    /// Its part of the configuration.
    pub fn config(&self) -> &UpstreamConfig {
        &self.0.config
    }

    /// What `workload` costs here if it is charged.
    ///
    /// `None` where no row of the policy fits: the cost is unknown then, and not zero.
    pub fn price(&self, workload: &Workload) -> Option<Money> {
        self.0.prices.price(self.0.provider.as_str(), workload)
    }

    /// Its places.
    ///
    /// [`Turns::counts`] says how many are taken, and how many calls wait.
    pub fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// Attempts in flight.
    ///
    /// Fewer than places taken: an operation that waits to be sent again has a place and no attempt.
    pub fn in_flight(&self) -> usize {
        (self.0.layers.in_flight)()
    }

    /// What is known of the ways to it: cuts, and the chances that they leave.
    pub fn routes(&self) -> &RouteHistory {
        &self.0.layers.routes
    }

    /// The request as it goes to the upstream: its URI, no header that ends here, the upstream's key.
    ///
    /// With a key of the upstream's own, whatever a caller presented is taken out first, wherever it stood, cookies
    /// among it. `Via` shows whoever looks at the requests a loop of gateways.
    fn forward(&self, head: &mut Parts) -> Result<(), Refusal> {
        let inner = &*self.0;
        let dialect = Dialect::of_path(head.uri.path());
        let headers = &mut head.headers;
        strip_hop_by_hop(headers);
        for name in &ENDS_HERE {
            headers.remove(name);
        }
        let own: Vec<HeaderName> = headers
            .keys()
            .filter(|name| name.as_str().starts_with(OWN_PREFIX))
            .cloned()
            .collect();
        for name in own {
            headers.remove(name);
        }
        let mut query = head.uri.query().map(str::to_owned);
        if let UpstreamKey::Own(secret, name) = &inner.key {
            query = strip_keys(headers, query.as_deref());
            if let Some(secret) = secret {
                let name = name.clone().unwrap_or(match dialect {
                    Dialect::Google => HeaderName::from_static("x-goog-api-key"),
                    Dialect::OpenAi => header::AUTHORIZATION,
                });
                if let Some(value) = secret.header(&name) {
                    headers.insert(name, value);
                }
            }
        }
        headers.append(header::VIA, HeaderValue::from_static("1.1 longhaul"));
        head.uri = inner
            .rebase
            .uri(head.uri.path(), query.as_deref())
            .map_err(|error| {
                Refusal::new(StatusCode::BAD_REQUEST, "bad_path", error.to_string())
            })?;
        head.version = http::Version::HTTP_11;
        head.extensions.insert(inner.provider.clone());
        deadline::note(head, &inner.config.deadline_headers);
        Ok(())
    }
}

/// The policy in force: bodies are kept up to the gateway's own limit, and places are shared out above the layers.
///
/// A limit of the policy's below the gateway's own would make calls fail that the gateway has let in.
fn effective(config: &UpstreamConfig, limits: &ServerLimits) -> Policy {
    let mut policy = config.policy.clone();
    policy.in_flight.max_per_host = config.places;
    policy.detect.replay_limit = policy.detect.replay_limit.max(limits.body_bytes);
    let at_least = policy.detect.replay_limit;
    policy.detect.client_replay_limit = policy.detect.client_replay_limit.max(at_least);
    policy
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.config.name)
            .field("url", &self.rebase.url())
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}
