//! One scenario under one policy with one seed: a part of a field of the table.
//!
//! A cell is a world of its own on one thread: a paused clock, a provider, callers, a policy between them. Nothing in
//! it depends on another cell, so cells run side by side and give the same figures in any order.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use longhaul::Deadline;
use longhaul_sim::{Entry, Fault};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep_until, timeout},
};
use tower::ServiceExt;

use super::{
    answer::has_picture,
    books,
    day::{Operation, operations},
    figures::Sums,
    policies::{Client, Policy},
    scenario::Scenario,
    world::{World, operation_of, request},
};

/// What came of it.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) sums: Sums,
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
    let operations: Arc<[_]> = operations(seed, count, scenario).into();
    let world = World::new(scenario, operations.clone(), seed)?;
    let built = policy.build(world.clone())?;

    let midnight = Instant::now();
    let mut callers = Vec::with_capacity(count);
    for (index, operation) in operations.iter().enumerate() {
        sleep_until(midnight + operation.arrives).await;
        let mut request = request(index, *operation, scenario.stream)?;
        if scenario.says_patience {
            request
                .extensions_mut()
                .insert(Deadline::after(operation.patience));
        }
        callers.push(tokio::spawn(call(
            built.client.clone(),
            request,
            operation.patience,
            policy.comes_back(),
        )));
    }
    let mut waits = Vec::with_capacity(count);
    for caller in callers {
        waits.push(caller.await?);
    }
    world.settled().await;

    let entries = world.entries();
    let mut wrong = miscounted(&waits, &entries);
    let claims = built.stack.map(|stack| {
        let (claims, disagreements) = books::closed(&stack, &entries);
        wrong.extend(disagreements);
        claims
    });
    let sums = Sums::new(&operations, &waits, &entries, claims);
    Ok(Cell { sums, wrong })
}

/// How long one caller waited for its picture, if it came before it left, or when it came back for it.
async fn call(
    client: Client,
    request: Request<Full<Bytes>>,
    patience: Duration,
    comes_back: bool,
) -> Option<Duration> {
    let asked = Instant::now();
    loop {
        match timeout(patience, client.clone().oneshot(request.clone())).await {
            Ok(answer) => return has_picture(&answer.ok()?).then(|| asked.elapsed()),
            Err(_) if comes_back => {}
            Err(_) => return None,
        }
    }
}

/// Every picture that a caller holds was delivered by a provider, once, and none was delivered to nobody.
pub(super) fn miscounted(waits: &[Option<Duration>], entries: &[Entry]) -> Vec<String> {
    let mut delivered = vec![Delivered::default(); waits.len()];
    // A fallback's request does not carry the header that names the operation.
    let mut unnamed = 0;
    for entry in entries.iter().filter(|entry| entry.delivered) {
        match operation_of(entry).and_then(|at| delivered.get_mut(at)) {
            None => unnamed += 1,
            // Who waits for the end of the body has no answer, though the document was there.
            Some(to) if matches!(entry.fault, Fault::Unended | Fault::HeldOpen) => to.endless += 1,
            Some(to) => to.whole += 1,
        }
    }
    let mut found = Vec::new();
    for (index, (wait, Delivered { whole, endless })) in waits.iter().zip(delivered).enumerate() {
        let pictures = usize::from(wait.is_some());
        let from_elsewhere = pictures > whole + endless && unnamed > 0;
        if from_elsewhere {
            unnamed -= 1;
        } else if !(whole..=whole + endless).contains(&pictures) {
            found.push(format!(
                "the caller of operation {index} has {pictures} pictures, providers delivered {whole} and {endless} \
                 without an end"
            ));
        }
    }
    if unnamed > 0 {
        found.push(format!("{unnamed} pictures were delivered to nobody"));
    }
    found
}

/// Answers of one operation that left to the last byte of their document
#[derive(Clone, Copy, Debug, Default)]
struct Delivered {
    whole: usize,
    endless: usize,
}

/// What all pictures that callers hold cost once.
pub(super) fn one_price_each(operations: &[Operation], waits: &[Option<Duration>]) -> u64 {
    let both = operations.iter().zip(waits);
    both.filter(|(_, wait)| wait.is_some())
        .map(|(operation, _)| operation.price())
        .sum()
}
