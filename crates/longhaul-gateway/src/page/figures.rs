//! What the page shows, read at one moment.

use std::{collections::BTreeMap, time::Duration};

use jiff::tz::TimeZone;
use longhaul_ledger::{Filter, LedgerError, Period, report::By};

use crate::{
    core::{Class, Resolution},
    gateway::Gateway,
    telemetry::{Ended, Running},
    upstream::Books,
    wall_clock::now,
};

/// Days of money that are shown.
const DAYS: u64 = 14;
/// Calls that ended that are shown.
const ENDED: usize = 50;

pub(super) struct Figures {
    pub(super) running: Vec<Running>,
    pub(super) ended: Vec<Ended>,
    pub(super) sizes: BTreeMap<Resolution, Durations>,
    pub(super) upstreams: Vec<Route>,
    /// By day, the newest first; why not, where the ledger does not tell.
    pub(super) days: Result<Vec<Day>, String>,
}

/// How long delivered operations of one size took.
pub(super) struct Durations {
    pub(super) count: usize,
    pub(super) median: Duration,
    pub(super) late: Duration,
}

pub(super) struct Route {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) in_flight: usize,
    pub(super) taken: usize,
    pub(super) waiting: usize,
    pub(super) delivered: usize,
    pub(super) others: usize,
}

/// The money of one day in one currency, in millionths.
pub(super) struct Day {
    pub(super) day: String,
    pub(super) currency: String,
    pub(super) delivered: i64,
    pub(super) attempts: i64,
    pub(super) certain: i128,
    pub(super) possible: i128,
    pub(super) wasted: i128,
}

impl Figures {
    pub(super) async fn of(gateway: &Gateway) -> Self {
        let history = gateway.history();
        let all = history.ended();
        let upstreams = gateway.upstreams();
        let routes = upstreams.iter().map(|upstream| {
            let (taken, waiting) = upstream.turns().counts();
            let mine = all
                .iter()
                .filter(|ended| *ended.asked.upstream == *upstream.name());
            let (delivered, others): (Vec<_>, Vec<_>) =
                mine.partition(|ended| ended.class == Some(Class::Delivered));
            Route {
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
            sizes: sizes(&all),
            upstreams: routes.collect(),
            days: days(gateway.books()).await,
            ended: all.into_iter().take(ENDED).collect(),
        }
    }
}

fn sizes(all: &[Ended]) -> BTreeMap<Resolution, Durations> {
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
            let durations = Durations {
                count: took.len(),
                median: *at(50)?,
                late: *at(95)?,
            };
            Some((size, durations))
        })
        .collect()
}

async fn days(books: &Books) -> Result<Vec<Day>, String> {
    let Books::Durable(ledger) = books else {
        return Err("the ledger is in memory: see the calls above".to_owned());
    };
    let read = async {
        let end = now() + Duration::from_secs(60);
        let start = end
            .checked_sub(Duration::from_secs(DAYS * 24 * 3600))
            .unwrap_or(end);
        let period = Period::new(start, end, TimeZone::UTC)?;
        let report = ledger.store().report(&period, &Filter::default()).await?;
        let mut days: Vec<Day> = report
            .by(&[By::Day])
            .into_iter()
            .map(|row| Day {
                day: row.day.map_or_else(String::new, |day| day.to_string()),
                currency: row
                    .currency
                    .map_or_else(String::new, |code| code.to_string()),
                delivered: row.figures.delivered,
                attempts: row.figures.attempts,
                certain: row.figures.certain_micros,
                possible: row.figures.possible_micros,
                wasted: row.figures.wasted_micros,
            })
            .collect();
        days.sort_by(|one, other| other.day.cmp(&one.day));
        Ok::<_, LedgerError>(days)
    };
    read.await.map_err(|error| error.to_string())
}
