//! One scenario under one policy: a field of the table.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use longhaul_sim::Entry;
use serde::Deserialize;
use tokio::{
    runtime::Builder,
    time::{Instant, sleep_until, timeout},
};
use tower::ServiceExt;

use super::{
    books,
    day::operations,
    figures::Figures,
    policies::{Client, Policy},
    scenario::Scenario,
    world::{World, request},
};

/// What came of it.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) figures: Figures,
    /// In what the callers, the ledger and the provider disagree: nothing, unless something is broken
    pub(super) wrong: Vec<String>,
}

/// Plays the scenario's days on a clock that jumps from event to event.
///
/// One thread, one seed for everything that is drawn, and a clock that starts paused: the same arguments give the same
/// figures.
pub(super) fn play(
    scenario: &Arc<Scenario>,
    policy: &Policy,
    seed: u64,
    count: usize,
) -> Result<Cell, Box<dyn Error>> {
    // Jitter is drawn from this thread's generator.
    fastrand::seed(seed);
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(days(scenario, policy, seed, count))
}

async fn days(
    scenario: &Arc<Scenario>,
    policy: &Policy,
    seed: u64,
    count: usize,
) -> Result<Cell, Box<dyn Error>> {
    let operations: Arc<[_]> = operations(seed, count, scenario.mix).into();
    let world = World::new(scenario, operations.clone(), seed)?;
    let built = policy.build(world.clone())?;

    let midnight = Instant::now();
    let mut callers = Vec::with_capacity(count);
    for (index, operation) in operations.iter().enumerate() {
        sleep_until(midnight + operation.arrives).await;
        let request = request(index, *operation)?;
        callers.push(tokio::spawn(call(
            built.client.clone(),
            request,
            scenario.patience,
        )));
    }
    let mut waits = Vec::with_capacity(count);
    for caller in callers {
        waits.extend(caller.await?);
    }
    world.settled().await;

    let entries = world.entries();
    let mut wrong = miscounted(waits.len(), &entries);
    let claims = built.stack.map(|stack| {
        let (claims, disagreements) = books::closed(&stack, &entries);
        wrong.extend(disagreements);
        claims
    });
    let figures = Figures::new(count, waits, &entries, claims);
    Ok(Cell { figures, wrong })
}

/// How long one caller waited for its picture, if it came before it left.
async fn call(
    client: Client,
    request: Request<Full<Bytes>>,
    patience: Duration,
) -> Option<Duration> {
    let asked = Instant::now();
    let answer = timeout(patience, client.oneshot(request))
        .await
        .ok()?
        .ok()?;
    has_picture(&answer).then(|| asked.elapsed())
}

fn has_picture(answer: &Response<Bytes>) -> bool {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        data: Vec<Picture<'a>>,
    }
    #[derive(Deserialize)]
    struct Picture<'a> {
        b64_json: &'a str,
    }
    let pictures = serde_json::from_slice(answer.body());
    answer.status() == StatusCode::OK
        && pictures.is_ok_and(|answer: Answer<'_>| {
            answer
                .data
                .iter()
                .any(|picture| !picture.b64_json.is_empty())
        })
}

/// Every picture that a caller holds was delivered by a provider, and none was delivered to nobody.
pub(super) fn miscounted(pictures: usize, entries: &[Entry]) -> Vec<String> {
    let delivered = entries.iter().filter(|entry| entry.delivered).count();
    let same = delivered == pictures;
    let problem = || format!("callers have {pictures} pictures, providers delivered {delivered}");
    (!same).then(problem).into_iter().collect()
}
