//! What the page shows, read at one moment.
//!
//! Everything is read before anything is written as markup: a section does not wait for the database.

use std::{collections::BTreeMap, time::Duration};

use super::reader::{Day, Reader};
use crate::{
    core::{Class, KnownRoute, Resolution, Workload},
    gateway::Gateway,
    telemetry::{EndedCall, RunningCall},
    upstream::Upstream,
};

/// Calls that ended that are shown.
const ENDED: usize = 50;

/// What sections show, in their words: no types of the database.
pub(super) struct Shown {
    pub(super) running: Vec<RunningCall>,
    pub(super) ended: Vec<EndedCall>,
    pub(super) sizes: BTreeMap<Resolution, Durations>,
    pub(super) upstreams: Vec<UpstreamCounts>,
    pub(super) routes: Vec<Route>,
    /// By day, the newest first; why not, where the ledger does not tell.
    pub(super) days: Result<Vec<Day>, String>,
}

/// How long delivered operations of one size took.
pub(super) struct Durations {
    pub(super) count: usize,
    pub(super) median: Duration,
    pub(super) late: Duration,
    /// The shortest and the longest limit that upstreams have for it.
    pub(super) limits: (Duration, Duration),
}

/// What runs at an upstream, and how the last calls ended there.
pub(super) struct UpstreamCounts {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) in_flight: usize,
    pub(super) taken: usize,
    pub(super) waiting: usize,
    pub(super) delivered: usize,
    pub(super) others: usize,
}

/// What is known of one route to an upstream: its host, and the proxy on the way.
pub(super) struct Route {
    pub(super) upstream: String,
    pub(super) known: KnownRoute,
}

fn routes(upstream: &Upstream) -> Vec<Route> {
    let routes = upstream.routes().routes().into_iter();
    let route = |known| Route {
        upstream: upstream.name().to_owned(),
        known,
    };
    routes.map(route).collect()
}

impl Shown {
    pub(super) async fn of(gateway: &Gateway, reader: &Reader) -> Self {
        let history = gateway.history();
        let all = history.ended();
        let upstreams = gateway.upstreams();
        let counts = upstreams.iter().map(|upstream| {
            let (taken, waiting) = upstream.turns().counts();
            let mine = all
                .iter()
                .filter(|ended| *ended.asked.upstream == *upstream.name());
            let (delivered, others): (Vec<_>, Vec<_>) =
                mine.partition(|ended| ended.class == Some(Class::Delivered));
            UpstreamCounts {
                name: upstream.name().to_owned(),
                url: upstream.url(),
                in_flight: upstream.in_flight(),
                taken,
                waiting,
                delivered: delivered.len(),
                others: others.len(),
            }
        });
        Self {
            running: history.running(),
            sizes: sizes(&all, &upstreams),
            upstreams: counts.collect(),
            days: reader.days().await,
            routes: upstreams.iter().flat_map(routes).collect(),
            ended: all.into_iter().take(ENDED).collect(),
        }
    }
}

/// Of all operations that are remembered, not only of those that are shown. The limit is the policy's for a picture
/// of the size without anything else.
fn sizes(all: &[EndedCall], upstreams: &[Upstream]) -> BTreeMap<Resolution, Durations> {
    let mut by_size: BTreeMap<Resolution, Vec<Duration>> = BTreeMap::new();
    for ended in all {
        if ended.class == Some(Class::Delivered) {
            by_size
                .entry(ended.asked.resolution)
                .or_default()
                .push(ended.took);
        }
    }
    by_size
        .into_iter()
        .filter_map(|(size, mut took)| {
            took.sort_unstable();
            let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len() - 1));
            let limits = upstreams.iter().map(|upstream| {
                let timeout = &upstream.config().policy.timeout;
                timeout.picture_for(&Workload::of(size))
            });
            let durations = Durations {
                limits: (limits.clone().min()?, limits.max()?),
                count: took.len(),
                median: *at(50)?,
                late: *at(95)?,
            };
            Some((size, durations))
        })
        .collect()
}
