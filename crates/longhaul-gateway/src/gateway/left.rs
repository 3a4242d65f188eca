//! What an earlier process left open at the upstreams, collected while new calls run.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use http::HeaderMap;
use longhaul_ledger::LedgerError;
use longhaul_providers::tasks::TasksPolicy;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    collect::{Collector, Ending, Left, left_open},
    config::{Config, Exchange},
    upstream::{Books, Upstream},
};

/// Tasks that are asked after at a time.
const AT_ONCE: usize = 8;

/// Finds them before any new call begins, and collects them on a task of its own, which ends when the handle is dropped.
pub(super) async fn collect(
    config: &Config,
    books: &Books,
    upstreams: &[Upstream],
) -> Result<Option<AbortOnDropHandle<()>>, LedgerError> {
    let takes_tasks = |upstream: &Upstream| upstream.config().exchange == Exchange::Tasks;
    let Books::Durable(ledger) = books else {
        return Ok(None);
    };
    if !upstreams.iter().any(takes_tasks) {
        return Ok(None);
    }
    let mut ours = Vec::new();
    for left in left_open(ledger.store()).await? {
        match upstreams
            .iter()
            .find_map(|upstream| upstream.collects(&left))
        {
            Some((policy, headers)) => ours.push((left, policy, headers)),
            None => tracing::warn!(
                operation = left.name(),
                host = left.host(),
                "a task is open that no upstream's key collects: stop the gateway and use `longhaul-gateway collect`"
            ),
        }
    }
    if ours.is_empty() {
        return Ok(None);
    }
    tracing::info!(tasks = ours.len(), "collecting what was left open");
    let collector = Collector::new(ledger.clone(), &config.collected, Duration::ZERO);
    let all = async move {
        let each = ours
            .into_iter()
            .map(|one| collect_one(collector.clone(), one));
        stream::iter(each).buffer_unordered(AT_ONCE).count().await;
    };
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(all))))
}

async fn collect_one(collector: Collector, ours: (Left, TasksPolicy, HeaderMap)) {
    let (left, policy, headers) = ours;
    let operation = left.name();
    let collector = collector.within(policy.deadline);
    match collector.collect(&left, &policy, headers).await {
        Ok(Ending::Open) => tracing::warn!(operation, "a task is still open"),
        Ok(ending) => tracing::info!(operation, ?ending, "a task that was left open has ended"),
        Err(error) => tracing::error!(operation, %error, "a task that was left open stays so"),
    }
}
