use std::{
    collections::VecDeque,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{Uri, uri::Authority};
use tokio::time::Instant;

/// Cuts that are remembered, of all hosts together.
const CUTS: usize = 256;

/// As many cuts after the same time are no chance.
const CERTAIN: usize = 3;

/// Cuts after the same time differ by no more, in the provider's seconds: the time on the network.
const SAME: f64 = 1.5;

/// Connections that die together do so within this.
const TOGETHER: f64 = 1.0;

/// A cut that came sooner is no idle limit but a crash or a refusal.
const SHORTEST: f64 = 4.0;

/// How much our own machine blurs a moment, whatever the provider's speed.
const OWN_BLUR: f64 = 0.03;

/// A host and its port, known again by this number and by nothing else: cuts are compared by it, and nothing of the
/// request is kept for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HostId(u64);

impl HostId {
    pub(crate) fn of(uri: &Uri) -> Self {
        let mut hasher = DefaultHasher::new();
        uri.authority().map(Authority::as_str).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// A cut connection.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Cut {
    // `None` where no layer has seen the request.
    pub(crate) host: Option<HostId>,
    /// When the attempt began.
    pub(crate) started: Instant,
    /// From the sent request to the cut, as it was here.
    pub(crate) silence: Duration,
    /// When it was cut.
    pub(crate) at: Instant,
    /// See [`ClassifyPolicy::time_scale`](crate::classify::ClassifyPolicy::time_scale).
    pub(crate) time_scale: f64,
}

/// What several cuts show together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pattern {
    /// So many at this host came after the same time.
    SameSilence(usize),
    /// So many that had begun at different times came at the same moment.
    SameMoment {
        sockets: usize,
        /// They went to several hosts.
        hosts: bool,
    },
}

/// The last cuts of connections: what one cut cannot show, several do.
///
/// Clones share it. It holds 256 cuts: some times of each, and a number by which its host is known again, 18 kB.
#[derive(Clone, Default)]
pub struct CutHistory(Arc<Mutex<VecDeque<Cut>>>);

impl CutHistory {
    /// One that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many cuts are remembered.
    pub fn len(&self) -> usize {
        self.cuts().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn note(&self, cut: Cut) {
        let mut cuts = self.cuts();
        if cuts.len() == CUTS {
            cuts.pop_front();
        }
        cuts.push_back(cut);
    }

    /// What `cut`, which is remembered, and the others show. Connections of several hosts that die at one
    /// moment have nothing but this machine's way out in common; so that is asked first.
    pub(crate) fn pattern(&self, cut: &Cut) -> Option<Pattern> {
        let cuts = self.cuts();
        let together = || cuts.iter().filter(|other| cut.is_together_with(other));
        if together().next().is_some() {
            return Some(Pattern::SameMoment {
                sockets: together().count() + 1,
                hosts: together().any(|other| other.host != cut.host),
            });
        }
        let alike = cuts.iter().filter(|other| cut.is_alike(other)).count();
        (alike >= CERTAIN).then_some(Pattern::SameSilence(alike))
    }

    fn cuts(&self) -> MutexGuard<'_, VecDeque<Cut>> {
        // Cuts are plain values: a panic elsewhere cannot have left one half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cut {
    /// The silence in the provider's time.
    pub(crate) fn provider_silence(&self) -> Duration {
        self.silence.div_f64(self.time_scale)
    }

    /// How far two silences after the same limit may differ, in the provider's seconds.
    pub(crate) fn tolerance(&self) -> f64 {
        self.blurred(SAME)
    }

    fn blurred(&self, seconds: f64) -> f64 {
        seconds.max(OWN_BLUR / self.time_scale)
    }

    fn is_alike(&self, other: &Self) -> bool {
        let here = self.provider_silence().as_secs_f64();
        let there = other.provider_silence().as_secs_f64();
        self.host == other.host && here >= SHORTEST && (here - there).abs() <= self.tolerance()
    }

    /// Begun at clearly different times: equal limits cannot explain that they end together.
    fn is_together_with(&self, other: &Self) -> bool {
        let apart = |a: Instant, b: Instant| {
            let apart = a.saturating_duration_since(b) + b.saturating_duration_since(a);
            apart.as_secs_f64() / self.time_scale
        };
        apart(self.at, other.at) <= self.blurred(TOGETHER)
            && apart(self.started, other.started) > 2.0 * self.tolerance()
    }
}

impl fmt::Debug for CutHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CutHistory")
            .field("cuts", &self.len())
            .finish_non_exhaustive()
    }
}
