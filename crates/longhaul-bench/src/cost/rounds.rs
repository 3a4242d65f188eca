//! Rounds in turn: time and allocations.
//!
//! Contenders take turns within each round, and every ratio is of the same round: a machine that slows down slows both.
//! The time that counting allocations takes is measured in each round and taken off.

use std::error::Error;

use tokio::runtime::Runtime;

use super::{SMALL, Scenario};
use crate::{
    contenders::{self, Answering, Call, Contender},
    heap,
    report::Effort,
};

/// Whether an operation is answered at once, or pending once with all timers armed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    AtOnce,
    Armed,
}

impl Operation {
    fn answering(self) -> Answering {
        match self {
            Self::AtOnce => Answering::AtOnce,
            Self::Armed => Answering::AfterOnePoll,
        }
    }
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    rounds: usize,
    /// Operations of one contender in one round.
    operations: usize,
}

impl Plan {
    pub(super) fn of(scenario: &Scenario, effort: Effort) -> Self {
        if scenario.body == SMALL {
            Self {
                rounds: effort.pick(20, 300),
                operations: 200,
            }
        } else {
            // Reading 4 MiB takes hundreds of microseconds.
            Self {
                rounds: effort.pick(5, 60),
                operations: 10,
            }
        }
    }
}

/// What one contender did in each round, per operation.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) nanoseconds: Vec<f64>,
    pub(super) allocations: Vec<f64>,
    pub(super) allocated_bytes: Vec<f64>,
}

/// All contenders, the bare service first.
pub(super) fn measure(scenario: &Scenario, plan: Plan) -> Result<Vec<Figures>, Box<dyn Error>> {
    let runtime = timers()?;
    let _timers = runtime.enter();
    let body = contenders::body(scenario.body);
    let mut contenders = contenders::all(&scenario.operation.answering());
    let mut figures: Vec<Figures> = contenders.iter().map(Figures::of).collect();
    for contender in &mut contenders {
        // Whatever is made once, at the first call.
        contender.pass(contenders::calls(&body, plan.operations));
        contender.forget();
    }
    for _ in 0..plan.rounds {
        for (contender, figures) in contenders.iter_mut().zip(&mut figures) {
            figures.round(contender, contenders::calls(&body, plan.operations));
        }
    }
    Ok(figures)
}

impl Figures {
    fn of(contender: &Contender) -> Self {
        Self {
            name: contender.name,
            title: contender.title,
            nanoseconds: Vec::new(),
            allocations: Vec::new(),
            allocated_bytes: Vec::new(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn round(&mut self, contender: &mut Contender, calls: Vec<Call>) {
        let operations = calls.len() as f64;
        let (taken, allocated) = heap::timed(|| contender.pass(calls));
        contender.forget();
        self.nanoseconds
            .push(taken.as_secs_f64() * 1e9 / operations);
        self.allocations.push(allocated.times as f64 / operations);
        self.allocated_bytes
            .push(allocated.bytes as f64 / operations);
    }
}

/// Runs the operations of one contender, for somebody else who measures.
pub(super) fn only(
    name: &str,
    operation: Operation,
    body: usize,
    count: usize,
) -> Result<(), Box<dyn Error>> {
    let runtime = timers()?;
    let _timers = runtime.enter();
    let mut contender = contenders::one(name, &operation.answering())?;
    let body = contenders::body(body);
    contender.pass(contenders::calls(&body, count));
    Ok(())
}

fn timers() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
}
