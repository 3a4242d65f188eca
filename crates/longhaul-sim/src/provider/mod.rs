//! The provider itself, without a network.

mod answer;
mod asked;
mod builder;
mod call;
mod finish;
mod intake;
mod links;
mod modes;
mod replay;
mod service;
mod stream;
mod tasks;
mod tell;
mod work;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use self::{builder::Settings, links::Links, replay::Replays, tasks::Tasks};
pub use self::{
    builder::{Builder, ConfigError, Offer},
    service::ResponseFuture,
};
use crate::{Oracle, Script, clock::Clock, script::Playing};

/// A simulated image provider. Cheap to clone; all clones are the same provider.
///
/// It is a [`tower_service::Service`] for requests with any body, so that a client stack can run against it in process
/// and on paused time. In process a fault of the transport is a [`SimError`](crate::SimError). The same provider can
/// stand behind a socket server too.
///
/// A request is taken up when its future is first polled, and its body is read to the end before any work starts. Work
/// is a task of its own: it runs to its end and is charged even if the future is dropped. A future dropped while the
/// body is read leaves an entry with [`Received::Partial`](crate::Received::Partial), and no work.
///
/// ```
/// use longhaul_sim::{Provider, Weight};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
/// let path = "/v1beta/models/gemini-3-pro-image:generateContent";
/// let body = r#"{ "contents": [], "generationConfig": { "imageConfig": { "imageSize": "4K" } } }"#.to_owned();
/// let answer = provider.clone().oneshot(http::Request::post(path).body(body)?).await?;
/// assert_eq!(answer.status(), 200);
/// assert_eq!(provider.oracle().totals().charged_micros, 240_000);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Provider {
    inner: Arc<Inner>,
}

/// What all clones share.
struct Inner {
    settings: Settings,
    clock: Clock,
    oracle: Oracle,
    playing: Mutex<Playing>,
    arrivals: AtomicU64,
    links: Links,
    tasks: Tasks,
    replays: Option<Replays>,
    #[cfg(feature = "server")]
    doors: crate::server::Doors,
}

impl Provider {
    /// A provider with this script and otherwise default settings.
    ///
    /// ```
    /// use longhaul_sim::{Fault, Provider, Script};
    /// use tower::ServiceExt;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = Provider::new(Script::always(Fault::Unauthorized));
    /// let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
    /// assert_eq!(provider.oneshot(request).await?.status(), 401);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn new(script: Script) -> Self {
        Builder::default().script(script).start(Clock::start(1.0))
    }

    /// Settings for a provider.
    ///
    /// ```
    /// let provider = longhaul_sim::Provider::builder().seed(7).build()?;
    /// # Ok::<(), longhaul_sim::ConfigError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Who knows what really happened.
    ///
    /// It lives on when the provider is dropped, and may be asked from another task.
    #[must_use]
    pub fn oracle(&self) -> Oracle {
        self.inner.oracle.clone()
    }

    /// The script, for as long as it takes to ask it.
    fn playing(&self) -> MutexGuard<'_, Playing> {
        self.inner
            .playing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the socket server needs of it.
#[cfg(feature = "server")]
impl Provider {
    /// For spans that the server waits, such as a closed port's.
    pub(crate) fn clock(&self) -> Clock {
        self.inner.clock
    }

    /// The ports of all servers of this provider.
    pub(crate) fn doors(&self) -> &crate::server::Doors {
        &self.inner.doors
    }

    /// Takes the script's next action if it refuses connections, and says for how long.
    pub(crate) fn next_refusal(&self) -> Option<std::time::Duration> {
        self.playing().next_refusal()
    }
}

/// A provider where all goes well, at real speed, with pictures of the real weight.
impl Default for Provider {
    fn default() -> Self {
        Self::new(Script::default())
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the settings: they may hold a key.
        f.debug_struct("Provider")
            .field("clock", &self.inner.clock)
            .finish_non_exhaustive()
    }
}
