//! What an earlier process left open at the upstreams, collected while new calls run.
//!
//! Tasks whose call ended without their answer: the process died, or the deadline passed. They are looked up when the
//! gateway starts, before any call begins, so that a caller that comes back at the first moment finds its operation
//! taken up; and every 15 s from then on, for what this process or another one of the fleet has left meanwhile.
//!
//! The keys are those of upstreams with `exchange = "tasks"`. Which upstream a task belongs to is asked of each
//! (`Upstream::collects`); a task that none of them has the key for is left to `longhaul-gateway collect`, and said
//! once in the log.
//!
//! Tests: `what_a_killed_gateway_ordered_it_collects_when_it_is_back`,
//! `without_the_key_a_gateway_leaves_tasks_to_their_owner`.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt, stream};
use http::HeaderMap;
use longhaul_ledger::{DurableLedger, EntryId, LedgerError};
use longhaul_providers::tasks::{TaskError, TasksPolicy};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use crate::{
    collect::{CollectError, Collector, Ending, Expected, Left, ReturningCallers, left_open},
    config::{Config, Exchange},
    core::BoxError,
    replay::Replays,
    telemetry::open_tasks,
    upstream::{Books, Upstream},
};

/// Tasks that are asked after at a time.
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
struct Collecting {
    ledger: DurableLedger,
    collector: Collector,
    upstreams: Vec<Upstream>,
    callers: Option<ReturningCallers>,
    /// Entries that nobody here has the key for, or that could not be collected: said once.
    said: HashSet<EntryId>,
    /// Entries whose answers are longer than is held here: asked for once, since each try may read as much.
    too_long: HashSet<EntryId>,
}

/// Finds them before any new call begins, and collects them on a task of its own, which ends when the handle is dropped.
pub(super) async fn collect(
    config: &Config,
    books: &Books,
    upstreams: &[Upstream],
    replays: Option<&Replays>,
) -> Result<Option<AbortOnDropHandle<()>>, BoxError> {
    let takes_tasks = |upstream: &Upstream| upstream.config().exchange == Exchange::Tasks;
    let Books::Durable(ledger) = books else {
        return Ok(None);
    };
    if !upstreams.iter().any(takes_tasks) {
        return Ok(None);
    }
    let mut collecting = Collecting {
        ledger: ledger.clone(),
        collector: Collector::new(ledger.clone(), &config.collected, Duration::ZERO),
        upstreams: upstreams.to_vec(),
        callers: replays.cloned().map(ReturningCallers::of),
        said: HashSet::new(),
        too_long: HashSet::new(),
    };
    // Who comes back from now on waits.
    let mut ours = collecting.find().await?;
    let all = async move {
        loop {
            collecting.all(ours).await;
            sleep(LOOK_AGAIN).await;
            ours = collecting.find().await.unwrap_or_else(|error| {
                tracing::warn!(error, "what is left open is not looked up");
                Vec::new()
            });
        }
    };
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(all))))
}

impl Collecting {
    /// An error of the index ends the round. Those found before it are dropped, without an end in their rows.
    async fn find(&mut self) -> Result<Vec<Ours>, BoxError> {
        let mut ours = Vec::new();
        let found: Result<Vec<Left>, LedgerError> = left_open(self.ledger.store()).await;
        let found = found?;
        open_tasks("left").set(found.len() as f64);
        for left in found {
            if self.too_long.contains(&left.handle().entry) {
                continue;
            }
            let mut upstreams = self.upstreams.iter();
            let Some((policy, headers)) = upstreams.find_map(|upstream| upstream.collects(&left))
            else {
                if self.said.insert(left.handle().entry) {
                    tracing::warn!(
                        operation = left.name(),
                        host = left.host(),
                        "a task is open that no upstream's key collects: stop the gateway and use \
                         `longhaul-gateway collect`"
                    );
                }
                continue;
            };
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

    /// Errors are said once for each entry and not every 15 s.
    async fn all(&mut self, ours: Vec<Ours>) {
        if ours.is_empty() {
            return;
        }
        tracing::info!(tasks = ours.len(), "collecting what was left open");
        let collector = &self.collector;
        let each = ours.into_iter().map(|one| {
            let span = tracing::info_span!("collect", longhaul.operation = one.left.name());
            collect_one(collector, one).instrument(span)
        });
        let ended: Vec<_> = stream::iter(each).buffer_unordered(AT_ONCE).collect().await;
        for (left, error) in ended.into_iter().flatten() {
            let entry = left.handle().entry;
            if matches!(error, CollectError::Task(TaskError::TooLong { .. })) {
                self.too_long.insert(entry);
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
}

/// Collects one; returned is one that could not be.
async fn collect_one(collector: &Collector, ours: Ours) -> Option<(Left, CollectError)> {
    let Ours {
        left,
        policy,
        headers,
        expected,
    } = ours;
    let operation = left.name();
    let collector = collector.clone().within(policy.deadline);
    let fetched = collector.collect(&left, &policy, headers).await;
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
    error.map(|error| (left, error))
}
