//! All cells: every scenario under every policy.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ScopedJoinHandle},
};

use super::{
    cell::{Cell, play},
    figures::Figures,
    policies::Policy,
    scenario::Scenario,
};

/// What is to be played.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// For each scenario and policy
    pub(super) operations: usize,
    pub(super) scenarios: Vec<Arc<Scenario>>,
    pub(super) policies: Vec<&'static Policy>,
}

/// The figures of a plan, row by row in its order.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) plan: Plan,
    figures: Vec<Figures>,
}

/// Ledger and provider disagree: a defect of this program or of a layer.
#[derive(Debug)]
pub(super) struct Disagreement(Vec<String>);

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        write!(f, "the books do not agree:")?;
        for line in self.0.iter().take(SHOWN) {
            write!(f, "\n  {line}")?;
        }
        match self.0.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n  and {more} more"),
        }
    }
}

impl Error for Disagreement {}

impl Plan {
    /// Plays all of it, on as many threads as the machine has processors; the figures do not depend on how many.
    ///
    /// # Errors
    ///
    /// If a policy cannot be built, or if a ledger does not agree with the providers.
    pub(super) fn play(self) -> Result<Table, Box<dyn Error>> {
        let mut figures = Vec::new();
        let mut wrong = Vec::new();
        for ((scenario, policy), cell) in self.cells().zip(self.played().into_values()) {
            let name = format!("{} under {}", scenario.name, policy.name);
            let cell = cell.map_err(|error| format!("{name}: {error}"))?;
            wrong.extend(cell.wrong.iter().map(|line| format!("{name}: {line}")));
            figures.push(cell.figures);
        }
        if !wrong.is_empty() {
            return Err(Disagreement(wrong).into());
        }
        Ok(Table {
            plan: self,
            figures,
        })
    }

    /// Row by row.
    fn cells(&self) -> impl Iterator<Item = (&Arc<Scenario>, &'static Policy)> {
        let row = |scenario| self.policies.iter().map(move |policy| (scenario, *policy));
        self.scenarios.iter().flat_map(row)
    }

    /// By the cell's place.
    fn played(&self) -> BTreeMap<usize, Result<Cell, String>> {
        let cells: Vec<_> = self.cells().collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((scenario, policy)) = cells.get(at) else {
                    return done;
                };
                let cell = play(scenario, policy, self.seed, self.operations);
                done.push((at, cell.map_err(|error| error.to_string())));
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let done = |thread: ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            threads.into_iter().flat_map(done).collect()
        })
    }
}

impl Table {
    /// The scenarios, each with the figures of every policy.
    pub(super) fn rows(
        &self,
    ) -> impl Iterator<Item = (&Scenario, impl Iterator<Item = (&'static Policy, &Figures)>)> {
        let width = self.plan.policies.len();
        let rows = self.figures.chunks(width);
        self.plan
            .scenarios
            .iter()
            .zip(rows)
            .map(|(scenario, row)| (&**scenario, self.plan.policies.iter().copied().zip(row)))
    }
}
