//! What an earlier process left open at the upstreams, collected while new calls run.
//!
//! Tasks whose call ended without their answer: the process died, or the deadline passed. They are looked up when the
//! gateway starts, before any call begins, so that a caller that comes back at the first moment finds its operation
//! taken up; and every 15 s from then on, for what this process or another one of the fleet has left meanwhile, however
//! long one that was found before goes on: results are kept for minutes only.
//!
//! The keys are those of upstreams with `exchange = "tasks"`, as they are in force when it looks. Which upstream a task
//! belongs to is asked of each (`Upstream::collects`); a task that none of them has the key for is left to
//! `longhaul-gateway collect`, and said once in the log.
//!
//! Tests: `what_a_killed_gateway_ordered_it_collects_when_it_is_back`,
//! `without_the_key_a_gateway_leaves_tasks_to_their_owner`, `what_is_left_is_collected_while_other_tasks_go_on`,
//! `a_key_that_comes_while_it_runs_collects_what_was_left`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use http::HeaderMap;
use longhaul_ledger::{DurableLedger, EntryId, LedgerError};
use longhaul_providers::tasks::{TaskError, TasksPolicy};
use tokio::{
    sync::Semaphore,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::{
    collect::{
        CollectError, Collector, Ending, Expected, Fetched, Left, ReturningCallers, left_open,
    },
    config::{Config, Exchange},
    core::BoxError,
    replay::Replays,
    telemetry::open_tasks,
    upstream::{Books, Upstream},
};

/// Tasks that are asked after at a time, each for a turn: so long that a task that is not found is lost.
///
/// Each holds an answer in memory while it is written: eight pictures of 40 MB, at worst.
const AT_ONCE: usize = 8;
/// Between two looks for what calls, or processes that share the ledger, have left.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// A task of ours, and the operation that somebody may come back for.
///
/// `expected` is made when the task is found, not when it is asked after: whoever comes back in between waits
/// already.
struct Ours {
    left: Left,
    policy: TasksPolicy,
    headers: HeaderMap,
    expected: Option<Expected>,
}

/// Collects what is left open.
struct Collecting<U> {
    ledger: DurableLedger,
    collector: Collector,
    /// Those in force.
    upstreams: U,
    callers: Option<ReturningCallers>,
    places: Arc<Semaphore>,
    /// Entries that are being collected.
    asked: HashSet<EntryId>,
    /// Entries that nobody here has the key for, or that could not be collected: said once.
    said: HashSet<EntryId>,
    /// Entries whose answers are longer than the limit that stands here: asked for once under each, since every try may
    /// read as much.
    too_long: HashMap<EntryId, usize>,
}

/// Finds them before any new call begins, and collects them on a task of its own, which ends when the handle is dropped.
pub(super) async fn collect(
    config: &Config,
    books: &Books,
    upstreams: impl Fn() -> Vec<Upstream> + Send + 'static,
    replays: Option<&Replays>,
) -> Result<Option<AbortOnDropHandle<()>>, BoxError> {
    let Books::Durable(ledger) = books else {
        return Ok(None);
    };
    let mut collecting = Collecting {
        ledger: ledger.clone(),
        collector: Collector::new(ledger.clone(), &config.collected, Duration::ZERO),
        upstreams,
        callers: replays.cloned().map(ReturningCallers::of),
        places: Arc::new(Semaphore::new(AT_ONCE)),
        asked: HashSet::new(),
        said: HashSet::new(),
        too_long: HashMap::new(),
    };
    // Who comes back from now on waits.
    let first = collecting.find().await?;
    let all = async move {
        let mut each: FuturesUnordered<_> = collecting.begin(first).collect();
        let mut look = interval_at(Instant::now() + LOOK_AGAIN, LOOK_AGAIN);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some((left, error)) = each.next() => collecting.end(&left, error),
                _ = look.tick() => match collecting.find().await {
                    Ok(found) => each.extend(collecting.begin(found)),
                    Err(error) => tracing::warn!(error, "what is left open is not looked up"),
                },
            }
        }
    };
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(all))))
}

impl<U: Fn() -> Vec<Upstream>> Collecting<U> {
    /// What is not being collected yet. An error of the index ends the round. Those found before it are dropped, without an end in their rows.
    async fn find(&mut self) -> Result<Vec<Ours>, BoxError> {
        let mut ours = Vec::new();
        let upstreams = (self.upstreams)();
        if !upstreams.iter().any(takes_tasks) {
            return Ok(ours);
        }
        let found: Result<Vec<Left>, LedgerError> = left_open(self.ledger.store()).await;
        let found = found?;
        open_tasks("left").set(found.len() as f64);
        for left in found {
            let entry = left.handle().entry;
            if self.asked.contains(&entry) {
                continue;
            }
            let collects = upstreams
                .iter()
                .find_map(|upstream| upstream.collects(&left));
            let Some((policy, headers)) = collects else {
                if self.said.insert(entry) {
                    tracing::warn!(
                        operation = left.name(),
                        host = left.host(),
                        "a task is open that no upstream's key collects: stop the gateway and use \
                         `longhaul-gateway collect`"
                    );
                }
                continue;
            };
            let limit = self.too_long.get(&entry);
            if limit.is_some_and(|limit| policy.longest_answer <= *limit) {
                continue;
            }
            let expected = match &self.callers {
                Some(callers) => Some(callers.expect(&left).await?),
                None => None,
            };
            ours.push(Ours {
                expected,
                left,
                policy,
                headers,
            });
        }
        Ok(ours)
    }

    /// Each waits for a place, and asks then for a turn; what has not ended in it waits for its next one behind the others.
    fn begin(
        &mut self,
        ours: Vec<Ours>,
    ) -> impl Iterator<Item = impl Future<Output = (Left, Option<CollectError>)> + use<U>> {
        if !ours.is_empty() {
            tracing::info!(tasks = ours.len(), "collecting what was left open");
        }
        let entries = ours.iter().map(|one| one.left.handle().entry);
        self.asked.extend(entries);
        let (collector, places) = (self.collector.clone(), self.places.clone());
        ours.into_iter().map(move |one| {
            let span = tracing::info_span!("collect", longhaul.operation = one.left.name());
            let (collector, places) = (collector.clone(), places.clone());
            collect_one(collector, places, one).instrument(span)
        })
    }

    /// It may be found again from now on. Errors are said once for each entry and not every 15 s.
    fn end(&mut self, left: &Left, error: Option<CollectError>) {
        let entry = left.handle().entry;
        self.asked.remove(&entry);
        let Some(error) = error else { return };
        if let CollectError::Task(TaskError::TooLong { limit, .. }) = &error {
            self.too_long.insert(entry, *limit);
        }
        if self.said.insert(entry) {
            tracing::error!(
                operation = left.name(),
                %error,
                "a task that was left open stays so"
            );
        }
    }
}

fn takes_tasks(upstream: &Upstream) -> bool {
    upstream.config().exchange == Exchange::Tasks
}

/// Collects one, for as long as its policy waits for a task; returned is why it could not be.
async fn collect_one(
    collector: Collector,
    places: Arc<Semaphore>,
    ours: Ours,
) -> (Left, Option<CollectError>) {
    let Ours {
        left,
        policy,
        headers,
        expected,
    } = ours;
    let operation = left.name();
    let collector = collector.within(policy.grace);
    let began = Instant::now();
    let fetched = loop {
        // It is never closed.
        let place = places.acquire().await;
        let fetched = collector.collect(&left, &policy, headers.clone()).await;
        drop(place);
        let is_open = |fetched: &Fetched| fetched.ending == Ending::Open;
        if !fetched.as_ref().is_ok_and(is_open) || began.elapsed() >= policy.deadline {
            break fetched;
        }
    };
    match fetched.as_ref().map(|fetched| &fetched.ending) {
        Ok(Ending::Open) => tracing::warn!(operation, "a task is still open"),
        Ok(ending) => {
            open_tasks("left").decrement(1.0);
            tracing::info!(operation, ?ending, "a task that was left open has ended");
        }
        Err(_) => {}
    }
    let (fetched, error) = match fetched {
        Ok(fetched) => (Some(fetched), None),
        Err(error) => (None, Some(error)),
    };
    if let Some(expected) = expected {
        expected.tell(fetched).await;
    }
    (left, error)
}
