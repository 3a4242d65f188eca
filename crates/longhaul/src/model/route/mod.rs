//! What is learned of a route: a host, and the way to it.
//!
//! Everything in here is arithmetic on endings; the one clock that it reads is the moment that it is told.
//!
//! A route is remembered for a day, by size, in at most 64 endings: enough to know an idle limit, how long pictures take, and
//! what is cut together with what. It is asked by the admission (may this call come through?), the limits (are pictures
//! slower here?) and the diagnosis (whose limit was that?).

mod chance;
mod cuts;
mod ending;
mod id;
mod learned;
mod memory;
mod pace;
mod patterns;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

pub use self::id::OutboundProxy;
pub(crate) use self::{
    ending::{How, SilenceEnding},
    id::RouteId,
    memory::Passage,
    pace::TimeScale,
    patterns::{CutConnection, CutPattern},
};
use self::{memory::Memory, patterns::Cuts};
use crate::model::Resolution;

/// Routes that are remembered; of more, the one that was used longest ago is forgotten.
const ROUTES: usize = 64;

/// What is known of a route: see [`RouteHistory::routes`].
///
/// ```
/// use longhaul::{KnownRoute, Resolution};
///
/// /// The sizes that this route does not let through often enough to be worth five prices.
/// fn closed(route: &KnownRoute) -> Vec<Resolution> {
///     route.chances.iter().filter(|(_, chance)| chance * 5.0 < 1.0).map(|(size, _)| *size).collect()
/// }
/// ```
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct KnownRoute {
    /// The host, with its port where the request names one.
    pub host: String,
    /// The name of the [`OutboundProxy`], where requests name one.
    pub proxy: Option<String>,
    /// After which silences connections are cut, the shortest first.
    pub cuts: Vec<KnownCut>,
    /// How likely a picture comes past them, for each size that is known: 1 without cuts.
    ///
    /// From 0 to 1, by the last 64 calls of that size. Below ten calls that came as far as a cut it stays 1.
    pub chances: Vec<(Resolution, f64)>,
}

/// A silence after which a route cuts connections.
/// A proxy that gives up after 60 s cuts every 4K picture and few small ones.
///
/// ```
/// use longhaul::KnownCut;
///
/// /// A line for the operator of the proxy on the way.
/// fn line(cut: &KnownCut) -> String {
///     format!("{:.0} % of calls that are silent for {:.1} s are cut", cut.share * 100.0, cut.silence.as_secs_f64())
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct KnownCut {
    /// How long nothing flowed, on our clock, when it cut.
    pub silence: Duration,
    /// The share that is cut of those that come so far; of the last twenty.
    pub share: f64,
    /// When the next call may be sent that finds out whether the cut still stands, although its chance is not worth
    /// it; `None` while one is on its way.
    #[serde(skip)]
    pub next_probe: Option<Instant>,
}

/// What the ends of earlier calls show of the routes that they took: how long each lets a connection be silent, how
/// long pictures take there, and what is cut together.
///
/// Clones share it. For each host and [`OutboundProxy`] it holds the last 64 endings of each size for a day, some
/// times of each, and nothing of the requests: at most 6 kB a route, of 64 routes. A restart forgets it.
///
/// ```
/// use longhaul::{Stack, policy::Policy};
///
/// let stack = Stack::new(Policy::nano_banana_pro())?;
/// for route in stack.routes().routes() {
///     println!("{route:?}");
/// }
/// // The proxy on the way was mended: forget what it did.
/// stack.routes().clear();
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
///
/// One lock guards all routes. It is taken at the beginning and the end of an attempt and never held across a wait.
#[derive(Clone, Default)]
pub struct RouteHistory(Arc<Mutex<Routes>>);

#[derive(Debug, Default)]
struct Routes {
    routes: Vec<(RouteId, Memory)>,
    cuts: Cuts,
}

impl RouteHistory {
    /// One that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every route that calls have taken.
    ///
    /// In no order. A snapshot: what it returns does not change with later calls. Serialised, it suits a status page:
    ///
    /// ```
    /// use longhaul::RouteHistory;
    ///
    /// let page = serde_json::to_string(&RouteHistory::new().routes())?;
    /// assert_eq!(page, "[]");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn routes(&self) -> Vec<KnownRoute> {
        let now = Instant::now();
        let mut inner = self.inner();
        let known = |(id, memory): &mut (RouteId, Memory)| {
            memory.forget(now, memory.scale);
            known(id, memory)
        };
        inner.routes.iter_mut().map(known).collect()
    }

    /// Forgets everything: for a route that was mended, or a test.
    ///
    /// Calls that are under way note their endings as before, so that a route may be known again a moment later. Sizes that
    /// were refused are let through again, until ten calls have met a cut once more.
    pub fn clear(&self) {
        let mut inner = self.inner();
        inner.routes.clear();
        inner.cuts.clear();
    }

    /// How many cut connections are remembered, of the last 256.
    ///
    /// For a gauge: it grows with every connection that broke in the silence, also where a further attempt brought the
    /// picture.
    pub fn cuts(&self) -> usize {
        self.inner().cuts.len()
    }

    /// Writes down how a silence on `route` ended.
    pub(crate) fn note(
        &self,
        route: &RouteId,
        size: Resolution,
        ending: SilenceEnding,
        scale: TimeScale,
    ) {
        self.with(route, ending.at, scale, |memory| memory.note(size, ending));
    }

    /// Whether `route` can finish a picture of `size` that is worth so many prices.
    pub(crate) fn passage(
        &self,
        route: &RouteId,
        size: Resolution,
        worth: f64,
        scale: TimeScale,
    ) -> Passage {
        let now = Instant::now();
        let mut inner = self.inner();
        let Some(memory) = inner.find(route) else {
            return Passage::Open;
        };
        memory.forget(now, scale);
        memory.passage(size, worth, now)
    }

    /// The call that was allowed as a probe begins.
    pub(crate) fn begin_probe(&self, route: &RouteId) {
        if let Some(memory) = self.inner().find(route) {
            memory.begin_probe(Instant::now());
        }
    }

    /// The probe ended, or was not sent.
    pub(crate) fn end_probe(&self, route: &RouteId) {
        if let Some(memory) = self.inner().find(route) {
            memory.end_probe();
        }
    }

    /// The share of the pictures of `size` on `route` that is done in the time that is `left`. `None` where the size is
    /// not known.
    pub(crate) fn share_done(
        &self,
        route: &RouteId,
        size: Resolution,
        left: Duration,
        scale: TimeScale,
    ) -> Option<f64> {
        self.asked(route, scale, |memory| {
            memory.share_done(size, scale.seconds(left))
        })
    }

    /// The time by which a `share` of the pictures of `size` is done on `route`. `None` where the size is not known.
    pub(crate) fn time_until(
        &self,
        route: &RouteId,
        size: Resolution,
        share: f64,
        scale: TimeScale,
    ) -> Option<Duration> {
        let seconds = self.asked(route, scale, |memory| memory.time_until(size, share));
        seconds.map(|seconds| scale.ours(seconds))
    }

    /// The limit that the last pictures of `size` on `route` ask for, where it is longer than `table`.
    pub(crate) fn learned_limit(
        &self,
        route: &RouteId,
        size: Resolution,
        table: Duration,
        scale: TimeScale,
    ) -> Option<Duration> {
        let mut inner = self.inner();
        let memory = inner.find(route)?;
        memory.forget(Instant::now(), scale);
        let limit = memory.learned_limit(size, scale.seconds(table))?;
        Some(scale.ours(limit))
    }

    /// Remembers a cut connection, and says what it and the others show.
    pub(crate) fn note_cut(&self, cut: &CutConnection) -> Option<CutPattern> {
        let mut inner = self.inner();
        inner.cuts.note(cut.clone());
        inner.cuts.pattern(cut)
    }

    /// What a cut that is remembered and the others show.
    pub(crate) fn pattern(&self, cut: &CutConnection) -> Option<CutPattern> {
        self.inner().cuts.pattern(cut)
    }

    /// Asks what is known of `route`, without what is too old to count.
    fn asked<T>(&self, route: &RouteId, scale: TimeScale, ask: impl FnOnce(&Memory) -> T) -> T {
        let now = Instant::now();
        let mut inner = self.inner();
        match inner.find(route) {
            Some(memory) => {
                memory.forget(now, scale);
                ask(memory)
            }
            None => ask(&Memory::new(now)),
        }
    }

    fn with(
        &self,
        route: &RouteId,
        now: Instant,
        scale: TimeScale,
        change: impl FnOnce(&mut Memory),
    ) {
        let mut inner = self.inner();
        if inner.find(route).is_none() {
            inner.make_room();
            inner.routes.push((route.clone(), Memory::new(now)));
        }
        if let Some(memory) = inner.find(route) {
            memory.forget(now, scale);
            change(memory);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Routes> {
        // Plain values: a panic elsewhere cannot have left one half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Routes {
    fn find(&mut self, route: &RouteId) -> Option<&mut Memory> {
        let (_, memory) = self.routes.iter_mut().find(|(id, _)| id == route)?;
        Some(memory)
    }

    fn make_room(&mut self) {
        if self.routes.len() < ROUTES {
            return;
        }
        let oldest = (0..self.routes.len()).min_by_key(|&at| self.routes[at].1.latest);
        if let Some(oldest) = oldest {
            self.routes.swap_remove(oldest);
        }
    }
}

fn known(id: &RouteId, memory: &Memory) -> KnownRoute {
    let cuts = memory.cuts();
    let chance = |size| (size, memory.chance(size, &cuts));
    KnownRoute {
        host: id.host.to_string(),
        proxy: id.proxy.as_ref().map(|proxy| proxy.as_str().to_owned()),
        chances: [Resolution::K1, Resolution::K2, Resolution::K4]
            .map(chance)
            .to_vec(),
        cuts: cuts
            .iter()
            .map(|cut| KnownCut {
                silence: memory.scale.ours(cut.silence),
                share: cut.share(),
                next_probe: memory.probe_at(cut),
            })
            .collect(),
    }
}

impl fmt::Debug for RouteHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteHistory")
            .field("routes", &self.inner().routes.len())
            .finish_non_exhaustive()
    }
}
