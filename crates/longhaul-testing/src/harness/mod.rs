//! The whole stack before a simulated provider, what came of a call, and what each of them knows afterwards.
//!
//! It exists so that a test says a script and an assertion and nothing else. On a socket the provider and the policy
//! run 50 times as fast, alike; in process time is paused, and leaps. Clients are made anew for each operation: a test
//! of connections that are kept holds one of its own.

mod call;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body_util::Full;
use longhaul::{
    Attempt, Money, Resolution, Stack, StackRequestBody, StackService, billing::PriceRow,
    policy::Policy,
};
use longhaul_hyper::Client;
use longhaul_sim::{
    Builder, Dialect, Entry, Provider, Script, Weight,
    server::{Protocols, Server, ServerBuilder},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::time::{sleep, timeout};
use tower::Layer;

pub use self::call::{Attempts, Ended, perform, request, request_of};
use crate::agreement::{disagreements, unrecorded};

/// How many times as fast as real time a provider on a socket runs, and the policies with it.
pub const SPEED: f64 = 50.0;

/// How often the default policy tries an operation that cannot be sent.
pub const UNSENT_ATTEMPTS: usize = 6;

/// Longer than anything here takes on a busy machine, and short enough to wait for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The body that the stack hands to the client below it.
pub type SentBody = StackRequestBody<Full<Bytes>>;

/// longhaul's client below the stack.
pub type Http = Client<SentBody>;

/// A provider of small pictures in little time.
///
/// All its pictures take 20 s of its time, and are of a few kilobytes:
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use longhaul_testing::harness::{SPEED, provider};
///
/// let provider = provider("overloaded").speed(SPEED * 2.0).build().unwrap();
/// assert!(provider.oracle().entries().is_empty());
/// # }
/// ```
pub fn provider(script: &str) -> Builder {
    Provider::builder()
        .speed(SPEED)
        .script(script.parse().expect("a script"))
        .image_weight(Weight::Tiny)
        .generation(Duration::from_secs(20))
}

/// The policy with the provider's prices, and the header by which its oracle tells attempts apart.
///
/// ```
/// use longhaul::policy::Policy;
/// use longhaul_testing::harness::priced;
///
/// let policy = priced(Policy::default());
/// assert_eq!(policy.billing.prices.len(), 3);
/// assert!(policy.retry.attempt_header.is_some(), "else the oracle cannot tell attempts apart");
/// ```
pub fn priced(mut policy: Policy) -> Policy {
    use Resolution::{K1, K2, K4};
    let price = |(resolution, micros)| {
        PriceRow::new("*", "*", Money::usd_micros(micros)).for_resolution(resolution)
    };
    policy.billing.prices = [(K1, 134_400), (K2, 134_400), (K4, 240_000)]
        .map(price)
        .into();
    policy.retry.attempt_header = Some(HeaderName::from_static("x-longhaul-attempt"));
    policy
}

/// The same with exact waits, for paused time.
///
/// ```
/// use longhaul::policy::Policy;
/// use longhaul_testing::harness::exact;
///
/// assert_eq!(exact(Policy::default()).retry.schedule.jitter, 0.0);
/// ```
pub fn exact(policy: Policy) -> Policy {
    let mut policy = priced(policy);
    policy.retry.schedule.jitter = 0.0;
    policy
}

/// A stack of a [priced] policy at the provider's speed.
pub fn stack(policy: Policy) -> Stack {
    let scaled = priced(policy).scaled(1.0 / SPEED);
    Stack::new(scaled.expect("a factor above zero")).expect("a policy that can work")
}

/// A client for plain http.
pub fn plain() -> Http {
    let client = Client::builder().plain_http_only();
    client.build().expect("valid settings")
}

/// What makes a client trust whoever `roots` vouch for.
pub fn trusting(roots: impl Into<Arc<RootCertStore>>) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports them")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A provider, the stack before it, and where they meet: `S` is the provider's [`Server`], or [`InProcess`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use longhaul::{Class, policy::Policy};
/// use longhaul_sim::Dialect;
/// use longhaul_testing::harness::{Harness, perform, request};
///
/// // A proxy cuts the first attempt; the second one delivers.
/// let script = "cut@60, none+takes@100".parse().unwrap();
/// let harness = Harness::in_process(Policy::default(), script);
/// let ended = perform(harness.client(), request("https://sim.test", Dialect::OpenAi)).await;
/// assert_eq!(ended.classes(), [Class::UnknownOutcome, Class::Delivered]);
/// harness.assert_agreement().await;
/// # }
/// ```
#[derive(Debug)]
pub struct Harness<S = Server> {
    /// The simulated provider; its oracle knows what was really charged.
    pub provider: Provider,
    /// The provider's socket, or [`InProcess`] where it has none.
    pub server: S,
    /// The layers under test, with their ledger and their policy.
    pub stack: Stack,
    attempts: Attempts,
    patience: Duration,
}

/// The provider itself is the client below the stack; for paused time.
#[derive(Debug)]
pub struct InProcess;

impl Harness<InProcess> {
    /// A provider of small pictures; the policy with [exact] waits.
    ///
    /// Waits are exact, so a test may say when the second attempt begins:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use longhaul::policy::Policy;
    /// use longhaul_sim::Dialect;
    /// use longhaul_testing::harness::{Harness, perform, request};
    ///
    /// let harness = Harness::in_process(Policy::default(), "unauthorized".parse().unwrap());
    /// let ended = perform(harness.client(), request("https://sim.test", Dialect::Gemini)).await;
    /// assert_eq!(ended.classes().len(), 1, "a wrong key is not tried again");
    /// assert_eq!(harness.attempts().len(), 1);
    /// assert_eq!(harness.truth().await[0].charged_micros, 0);
    /// # }
    /// ```
    pub fn in_process(policy: Policy, script: Script) -> Self {
        let provider = Provider::builder().image_weight(Weight::Tiny);
        let provider = provider.script(script).build().expect("a speed");
        let stack = Stack::new(exact(policy)).expect("a policy that can work");
        // Paused time leaps to the end of it when nothing else will happen.
        let patience = Duration::from_secs(86_400);
        Self::of(provider, InProcess, stack, patience)
    }

    /// A client of its own: the stack over the provider.
    pub fn client(&self) -> StackService<Provider> {
        self.stack.layer(self.provider.clone())
    }
}

impl Harness<Server> {
    /// Plain http and the default policy.
    pub async fn new(script: &str) -> Self {
        Self::with(provider(script), Policy::default()).await
    }

    /// This provider and this policy.
    pub async fn with(provider: Builder, policy: Policy) -> Self {
        Self::served(provider, policy, |server| server).await
    }

    /// Encrypted, with these protocols on offer.
    pub async fn encrypted(script: &str, protocols: Protocols) -> Self {
        let tls = |server: ServerBuilder| server.tls(true).protocols(protocols);
        Self::served(provider(script), Policy::default(), tls).await
    }

    async fn served(
        provider: Builder,
        policy: Policy,
        change: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        let provider = provider.build().expect("a speed that can be used");
        let server = change(Server::builder(provider.clone())).start();
        let server = server.await.expect("a free port");
        Self::of(provider, server, stack(policy), PATIENCE)
    }

    /// A client of its own: the stack over longhaul's.
    pub fn client(&self) -> StackService<Http> {
        let client = Client::builder().tls_config(trusting(self.server.root_store()));
        self.stack.layer(client.build().expect("valid settings"))
    }

    /// A request for one picture, to it.
    pub fn request(&self, dialect: Dialect) -> Request<Full<Bytes>> {
        request(&self.server.url(), dialect)
    }

    /// One operation through a client of its own.
    pub async fn perform(&self, request: Request<Full<Bytes>>) -> Ended {
        perform(self.client(), request).await
    }
}

impl<S> Harness<S> {
    fn of(provider: Provider, server: S, stack: Stack, patience: Duration) -> Self {
        let attempts = Attempts::default();
        Self {
            provider,
            server,
            stack: stack.with_observer(attempts.observer()),
            attempts,
            patience,
        }
    }

    /// Every attempt that the stack has begun.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.attempts.begun()
    }

    /// What the provider knows, once nothing more changes.
    pub async fn truth(&self) -> Vec<Entry> {
        let oracle = self.provider.oracle();
        let settled = timeout(self.patience, oracle.settled()).await;
        settled.expect("the provider comes to rest");
        oracle.entries()
    }

    /// In what the ledger differs from the truth, and from what the attempts themselves say.
    pub async fn disagreements(&self) -> Vec<String> {
        self.differs_from(&self.truth().await)
    }

    /// The same where the truth is that of several providers.
    pub fn differs_from(&self, truth: &[Entry]) -> Vec<String> {
        let records = self.stack.ledger().records();
        let mut found = disagreements(&records, truth);
        found.extend(unrecorded(&self.attempts(), &records));
        found
    }

    /// Panics if there is any difference.
    pub async fn assert_agreement(&self) {
        assert_eq!(self.disagreements().await, [""; 0]);
    }
}

/// Waits for something that must come.
///
/// It looks every 2 ms of tokio's time, for at most [`PATIENCE`].
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    if timeout(PATIENCE, wait).await.is_err() {
        panic!("it never came: {what}");
    }
}
