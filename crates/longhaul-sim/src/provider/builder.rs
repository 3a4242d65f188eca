//! Building a provider.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::HeaderName;

use super::{Inner, Provider, links::Links, replay::Replays, tasks::Tasks};
use crate::{Oracle, Resolution, Script, Weight, clock::Clock};

/// Settings of a [`Provider`]; made by [`Provider::builder`].
///
/// Without any it is a provider at real speed where all goes well, with pictures of the real weight and
/// [list prices](Resolution::list_price_micros).
///
/// ```
/// use std::time::Duration;
///
/// use longhaul_sim::{Provider, Resolution, Weight};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
/// # let _inside = runtime.enter();
/// // On a socket and a real clock: an hour of the provider's passes in 36 s.
/// let provider = Provider::builder()
///     .speed(100.0)
///     .script("overloaded, cut@60, none".parse()?)
///     .generation(Duration::from_secs(120))
///     .image_weight(Weight::Light)
///     .price(Resolution::K4, 240_000)
///     .require_key("sk-test")
///     .build()?;
/// # Ok(()) }
/// ```
///
/// Tasks and streams are offered, no key is needed, idempotency keys are ignored, and links live an hour.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct Builder {
    settings: Settings,
    speed: f64,
    script: Script,
    idempotent: bool,
    link_lifetime: Duration,
}

/// What does not change while the provider lives.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The seed of everything that is drawn: generation times, ids, identities.
    pub(super) seed: u64,
    /// How heavy all pictures are.
    pub(super) weight: Weight,
    /// The fixed generation time, if there is one; a script's `+takes@` and a request's header outrank it.
    pub(super) generation: Option<Duration>,
    /// By resolution, in millionths of a dollar.
    pub(super) prices: [u64; 3],
    /// The one key that is accepted; `None` accepts any, and none.
    pub(super) required_key: Option<String>,
    /// Where the attempt's number is read.
    pub(super) attempt_header: HeaderName,
    /// Where the idempotency key is read.
    pub(super) key_header: HeaderName,
    /// Whether tasks are taken.
    pub(super) tasks: Offer,
    /// Whether calls are answered as streams.
    pub(super) streams: Offer,
    /// How often a stream of the images API has a comment in it, if it has any.
    pub(super) pings: Option<Duration>,
    /// How long a task waits before its work begins.
    pub(super) queued: Duration,
}

/// Whether the provider knows tasks, or event streams.
///
/// ```
/// use longhaul_sim::{Offer, Provider};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), longhaul_sim::ConfigError> {
/// // An old relay: it knows neither.
/// let provider = Provider::builder().tasks(Offer::Refused).streams(Offer::Ignored).build()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Offer {
    /// The provider takes tasks, or answers as a stream.
    #[default]
    Yes,
    /// The provider refuses, as one that has never heard of them: 400 for the parameter, 404 for the path.
    Refused,
    /// The provider passes over the wish and answers as it would without it. A client that asks for a stream gets JSON
    /// then, and one that asks for a task gets the picture.
    Ignored,
}

/// Settings that make no provider.
///
/// ```
/// use longhaul_sim::{ConfigError, Provider};
///
/// let error = Provider::builder().speed(0.0).build().unwrap_err();
/// assert_eq!(error, ConfigError::Speed(0.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The speed is not a number from 0.001 to 1,000,000.
    ///
    /// Below that a call of minutes lasts days, and above it timers of tokio's (1 ms) are longer than the work.
    Speed(f64),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Speed(speed) => write!(f, "speed must be from 0.001 to 1000000, not {speed}"),
        }
    }
}

impl Error for ConfigError {}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings {
                seed: 0,
                weight: Weight::Real,
                generation: None,
                prices: Resolution::ALL.map(Resolution::list_price_micros),
                required_key: None,
                attempt_header: HeaderName::from_static("x-longhaul-attempt"),
                key_header: HeaderName::from_static("idempotency-key"),
                tasks: Offer::Yes,
                streams: Offer::Yes,
                pings: None,
                queued: Duration::from_secs(2),
            },
            speed: 1.0,
            script: Script::default(),
            idempotent: false,
            // As long as OpenAI's links live.
            link_lifetime: Duration::from_secs(3600),
        }
    }
}

impl Builder {
    /// The one seed for generation times and ids. Each request draws by its place in the order of arrival.
    ///
    /// ```
    /// use longhaul_sim::{Provider, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut took = Vec::new();
    /// for _ in 0..2 {
    ///     let provider = Provider::builder().seed(7).image_weight(Weight::Tiny).build()?;
    ///     let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    ///     provider.clone().oneshot(request).await?;
    ///     took.push(provider.oracle().entries()[0].charged);
    /// }
    /// assert_eq!(took[0], took[1], "a failure can be seen again");
    /// # Ok(()) }
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// How many times as fast as tokio's clock the provider's runs; 1 where not set.
    ///
    /// *Every* span of provider time is divided by it: generation times, the spans in faults, the life of links, and
    /// also the waits that answers tell. So a client whose policy is scaled alike sees what it would see at full
    /// length; only `Retry-After` in whole seconds is rounded up, and tells a second at least. Times that come back,
    /// from the oracle, are provider time again.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_sim::{Provider, Weight};
    /// use tokio::time::Instant;
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder()
    ///     .speed(100.0)
    ///     .generation(Duration::from_secs(120))
    ///     .image_weight(Weight::Tiny)
    ///     .build()?;
    /// let started = Instant::now();
    /// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    /// provider.clone().oneshot(request).await?;
    /// assert_eq!(started.elapsed().as_secs(), 1);
    /// let entry = &provider.oracle().entries()[0];
    /// assert_eq!((entry.charged.unwrap() - entry.read.unwrap()).as_secs(), 120, "in the provider's time");
    /// # Ok(()) }
    /// ```
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = speed;
        self
    }

    /// What happens to which request; by default all goes well.
    ///
    /// ```
    /// use longhaul_sim::{Provider, SimErrorKind};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().script("reset-reading".parse()?).build()?;
    /// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    /// let error = provider.clone().oneshot(request).await.unwrap_err();
    /// assert_eq!(error.kind(), SimErrorKind::Reset);
    /// assert_eq!(provider.oracle().totals().read_whole, 0, "so it costs nothing");
    /// # Ok(()) }
    /// ```
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// How heavy the pictures are.
    ///
    /// [`Weight::Real`] where not set.
    pub fn image_weight(mut self, weight: Weight) -> Self {
        self.settings.weight = weight;
        self
    }

    /// A fixed generation time (provider time) instead of drawn ones.
    ///
    /// A script's `+takes@` and the header `x-sim-generation` outrank it, and a fault that strikes later makes it
    /// longer.
    pub fn generation(mut self, takes: Duration) -> Self {
        self.settings.generation = Some(takes);
        self
    }

    /// The price of one picture in millionths of a dollar; [Google's list price](Resolution::list_price_micros) where
    /// not set.
    ///
    /// ```
    /// use longhaul_sim::{Provider, Resolution, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().price(Resolution::K1, 39_000).image_weight(Weight::Tiny).build()?;
    /// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat", "n": 2 }"#.to_owned())?;
    /// provider.clone().oneshot(request).await?;
    /// assert_eq!(provider.oracle().totals().charged_micros, 78_000);
    /// # Ok(()) }
    /// ```
    pub fn price(mut self, resolution: Resolution, micros: u64) -> Self {
        self.settings.prices[resolution as usize] = micros;
        self
    }

    /// Whether a known idempotency key gets the answer of its first request, without a second work or charge. Most
    /// relays ignore keys, and so does the provider where this is not set.
    ///
    /// ```
    /// use longhaul_sim::{Provider, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().idempotent(true).image_weight(Weight::Tiny).build()?;
    /// for _ in 0..2 {
    ///     let request = http::Request::post("/v1/images/generations").header("idempotency-key", "cat-1");
    ///     provider.clone().oneshot(request.body(r#"{ "prompt": "a cat" }"#.to_owned())?).await?;
    /// }
    /// assert_eq!(provider.oracle().totals().charged, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// A key that comes again with another path or body is answered with 422.
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Whether it knows tasks; it does where not set.
    ///
    /// ```
    /// use longhaul_sim::{Offer, Provider};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().tasks(Offer::Refused).build()?;
    /// let submit = http::Request::post("/v1/images/generations/async").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    /// assert_eq!(provider.oneshot(submit).await?.status(), 404);
    /// # Ok(()) }
    /// ```
    pub fn tasks(mut self, tasks: Offer) -> Self {
        self.settings.tasks = tasks;
        self
    }

    /// How long a task waits before its work begins (provider time): until then it can be cancelled, free of charge; 2 s
    /// where not set.
    ///
    /// Zero begins at once, so that nothing can be cancelled.
    pub fn queued(mut self, wait: Duration) -> Self {
        self.settings.queued = wait;
        self
    }

    /// Whether it knows event streams; it does where not set.
    ///
    /// ```
    /// use longhaul_sim::{Offer, Provider, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// for (offer, kind) in [(Offer::Yes, "text/event-stream; charset=utf-8"), (Offer::Ignored, "application/json")] {
    ///     let provider = Provider::builder().streams(offer).image_weight(Weight::Tiny).build()?;
    ///     let body = r#"{ "prompt": "a cat", "stream": true }"#.to_owned();
    ///     let answer = provider.oneshot(http::Request::post("/v1/images/generations").body(body)?).await?;
    ///     assert_eq!(answer.headers()["content-type"], kind);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn streams(mut self, streams: Offer) -> Self {
        self.settings.streams = streams;
        self
    }

    /// Sends a comment at this interval (provider time) into event streams of the images API, as relays do. Where not
    /// set none comes, as at OpenAI; Responses streams have their keepalive every 30 s anyway.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http_body_util::BodyExt;
    /// use longhaul_sim::{Provider, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder()
    ///     .pings(Duration::from_secs(15))
    ///     .generation(Duration::from_secs(100))
    ///     .image_weight(Weight::Tiny)
    ///     .build()?;
    /// let body = r#"{ "prompt": "a cat", "stream": true }"#.to_owned();
    /// let answer = provider.oneshot(http::Request::post("/v1/images/generations").body(body)?).await?;
    /// let text = answer.into_body().collect().await?.to_bytes();
    /// assert_eq!(String::from_utf8_lossy(&text).matches(": keepalive").count(), 6);
    /// # Ok(()) }
    /// ```
    pub fn pings(mut self, every: Duration) -> Self {
        self.settings.pings = Some(every);
        self
    }

    /// How long links to pictures work (provider time); an hour where not set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http_body_util::BodyExt;
    /// use longhaul_sim::{Provider, Weight};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder()
    ///     .link_lifetime(Duration::from_secs(60))
    ///     .image_weight(Weight::Tiny)
    ///     .build()?;
    /// let body = r#"{ "prompt": "a cat", "model": "nano-banana-pro", "response_format": "url" }"#.to_owned();
    /// let answer = provider.clone().oneshot(http::Request::post("/v1/images/generations").body(body)?).await?;
    /// let answer: serde_json::Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    /// let link = answer["data"][0]["url"].as_str().unwrap().to_owned();
    /// tokio::time::sleep(Duration::from_secs(60)).await;
    /// let gone = provider.oneshot(http::Request::get(link).body(String::new())?).await?;
    /// assert_eq!(gone.status(), 410);
    /// # Ok(()) }
    /// ```
    pub fn link_lifetime(mut self, lifetime: Duration) -> Self {
        self.link_lifetime = lifetime;
        self
    }

    /// The only API key that is accepted, as `authorization: Bearer …`, `x-goog-api-key` or `api-key`. Where not set,
    /// none is needed.
    ///
    /// ```
    /// use longhaul_sim::Provider;
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder().require_key("sk-test").build()?;
    /// let request = http::Request::post("/v1/images/generations").header("authorization", "Bearer sk-other");
    /// let refused = provider.clone().oneshot(request.body(r#"{ "prompt": "a cat" }"#.to_owned())?).await?;
    /// assert_eq!(refused.status(), 401);
    /// let kept = provider.oracle().entries()[0].headers.clone();
    /// assert_eq!(kept, [("authorization".to_owned(), "(not kept)".to_owned())]);
    /// # Ok(()) }
    /// ```
    pub fn require_key(mut self, key: impl Into<String>) -> Self {
        self.settings.required_key = Some(key.into());
        self
    }

    /// The request header with the attempt's number; `x-longhaul-attempt` where not set.
    ///
    /// It is what the oracle finds entries by ([`Oracle::find`]), together with the key.
    pub fn attempt_header(mut self, name: HeaderName) -> Self {
        self.settings.attempt_header = name;
        self
    }

    /// The request header with the idempotency key; `idempotency-key` where not set.
    ///
    /// ```
    /// use http::HeaderName;
    /// use longhaul_sim::Provider;
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::builder()
    ///     .key_header(HeaderName::from_static("x-idempotency-key"))
    ///     .script("overloaded".parse()?)
    ///     .build()?;
    /// let request = http::Request::post("/v1/images/generations").header("x-idempotency-key", "cat-1");
    /// drop(provider.clone().oneshot(request.body(r#"{ "prompt": "a cat" }"#.to_owned())?).await?);
    /// assert_eq!(provider.oracle().find("cat-1", None).len(), 1);
    /// # Ok(()) }
    /// ```
    pub fn key_header(mut self, name: HeaderName) -> Self {
        self.settings.key_header = name;
        self
    }

    /// The provider, whose clock starts now.
    ///
    /// # Errors
    ///
    /// If the speed cannot be used.
    ///
    /// It needs no runtime; the first call does.
    pub fn build(self) -> Result<Provider, ConfigError> {
        if !(0.001..=1e6).contains(&self.speed) {
            return Err(ConfigError::Speed(self.speed));
        }
        let clock = Clock::start(self.speed);
        Ok(self.start(clock))
    }

    /// The provider with this clock, whose speed is known to be usable.
    pub(super) fn start(self, clock: Clock) -> Provider {
        let inner = Inner {
            settings: self.settings,
            clock,
            oracle: Oracle::new(clock),
            playing: self.script.start().into(),
            arrivals: 0.into(),
            links: Links::new(self.link_lifetime),
            tasks: Tasks::default(),
            replays: self.idempotent.then(Replays::default),
            #[cfg(feature = "server")]
            doors: Default::default(),
        };
        Provider {
            inner: Arc::new(inner),
        }
    }
}
