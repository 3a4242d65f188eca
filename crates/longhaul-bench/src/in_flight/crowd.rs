//! One process full of pending operations.
//!
//! Operations are started, left pending with all their timers armed, and finished in the order of starting or at
//! random: timers and maps may like the one and not the other. Memory is that of a fresh process; times are taken on
//! memory that was touched before, since a first touch costs more than a layer does.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::{
    contenders::{self, Answering, Running},
    heap, process,
    statistics::median,
};

/// In which order operations finish.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Order {
    AsStarted,
    AtRandom,
}

/// Per operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) title: String,
    /// Bytes on the heap.
    pub(super) heap: f64,
    /// Bytes that the process grew by; nothing where the system does not say.
    pub(super) resident: Option<f64>,
    pub(super) start_nanoseconds: f64,
    pub(super) finish_nanoseconds: f64,
}

/// Requests are made in pieces of this many, outside of what is timed.
const PIECE: usize = 1000;

/// So many operations at least are timed in all: few at once are repeated.
const TIMED: usize = 20_000;

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
pub(super) fn measure(name: &str, count: usize, order: Order) -> Result<Figures, Box<dyn Error>> {
    if count == 0 {
        return Err("--count must be at least 1".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let _timers = runtime.enter();
    let released = Arc::new(AtomicBool::new(false));
    let mut contender = contenders::one(name, &Answering::WhenReleased(released.clone()))?;
    let body = contenders::body(1 << 10);
    let mut running: Vec<Running> = Vec::with_capacity(count);

    let mut heaps = Vec::new();
    let mut resident = None;
    let (mut starts, mut finishes) = (Vec::new(), Vec::new());
    // The first round touches the memory; those that are timed find it warm.
    for repetition in 0..=(TIMED / count).max(1) {
        released.store(false, Relaxed);
        let (heap_before, resident_before) = (heap::live(), process::resident());
        let mut starting = Duration::ZERO;
        for piece in 0..count.div_ceil(PIECE) {
            let calls = contenders::calls(&body, PIECE.min(count - piece * PIECE));
            let start = || running.extend(calls.into_iter().map(|call| contender.start(call)));
            starting += heap::timed(start).0;
        }
        heaps.push((heap::live() - heap_before) as f64 / count as f64);
        if repetition == 0 {
            // Later ones find memory that the allocator has kept.
            resident = process::resident()
                .zip(resident_before)
                .map(|(after, before)| after.saturating_sub(before) as f64 / count as f64);
        }
        released.store(true, Relaxed);
        if order == Order::AtRandom {
            fastrand::Rng::with_seed(7).shuffle(&mut running);
        }
        let finish = || {
            for mut operation in running.drain(..) {
                let ended = contenders::poll(operation.as_mut());
                assert_eq!(
                    ended,
                    Poll::Ready(true),
                    "it is released, and answered well"
                );
            }
        };
        let finishing = heap::timed(finish).0;
        if repetition > 0 {
            finishes.push(finishing);
            starts.push(starting);
        }
        contender.forget();
    }
    let each = |times: Vec<Duration>| {
        median(
            times
                .into_iter()
                .map(|time| time.as_secs_f64() * 1e9 / count as f64),
        )
    };
    Ok(Figures {
        title: contender.title.to_owned(),
        heap: median(heaps),
        resident,
        start_nanoseconds: each(starts),
        finish_nanoseconds: each(finishes),
    })
}
