//! All cells: every scenario under every policy.
//!
//! Cells run on as many threads as there are cores and are added up in the order of the plan, so that the output does
//! not depend on which one ended first. One disagreement anywhere stops it all.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt, mem,
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, ScopedJoinHandle},
};

use super::{
    cell::{Cell, play},
    criteria::Judgement,
    figures::{Figures, Sums},
    policies::Policy,
    scenario::Scenario,
};

/// What is to be played.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The first one
    pub(super) seed: u64,
    /// How many, one after the other; the figures are those of all together
    pub(super) seeds: u64,
    /// For each scenario, policy and seed
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
        let mut sums: Vec<Sums> = Vec::new();
        let mut wrong = Vec::new();
        for ((at, scenario, policy, seed), cell) in self.cells().zip(self.played().into_values()) {
            let name = format!("{} under {}, seed {seed}", scenario.name, policy.name);
            let cell = cell.map_err(|error| format!("{name}: {error}"))?;
            wrong.extend(cell.wrong.iter().map(|line| format!("{name}: {line}")));
            match sums.get_mut(at) {
                Some(sums) => *sums = mem::take(sums).and(cell.sums),
                None => sums.push(cell.sums),
            }
        }
        if !wrong.is_empty() {
            return Err(Disagreement(wrong).into());
        }
        Ok(Table {
            plan: self,
            figures: sums.into_iter().map(Sums::figures).collect(),
        })
    }

    /// Row by row, each with its field's place and once for each seed.
    fn cells(&self) -> impl Iterator<Item = (usize, &Arc<Scenario>, &'static Policy, u64)> {
        let rows = self.scenarios.iter().flat_map(|scenario| {
            let policies = self.policies_of(scenario);
            policies.map(move |policy| (scenario, policy))
        });
        let fields = rows.enumerate();
        fields.flat_map(|(at, (scenario, policy))| {
            let seeds = (0..self.seeds).map(|more| self.seed.wrapping_add(more));
            seeds.map(move |seed| (at, scenario, policy, seed))
        })
    }

    /// Those that are played in this scenario, in the order of the columns.
    fn policies_of(&self, scenario: &Scenario) -> impl Iterator<Item = &'static Policy> + use<> {
        let plays = |policy: &&'static Policy| policy.plays(scenario);
        let policies: Vec<_> = self.policies.iter().copied().filter(plays).collect();
        policies.into_iter()
    }

    /// By the cell's place.
    fn played(&self) -> BTreeMap<usize, Result<Cell, String>> {
        let cells: Vec<_> = self.cells().collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((_, scenario, policy, seed)) = cells.get(at) else {
                    return done;
                };
                let cell = play(scenario, policy, *seed, self.operations);
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
    /// How each of our policies that is meant to be judged stands in each scenario, in the order of the rows; nothing
    /// where no peer was played.
    pub(super) fn judgements(
        &self,
    ) -> impl Iterator<Item = (&Scenario, &'static Policy, Judgement)> {
        self.rows().flat_map(|(scenario, row)| {
            let row: Vec<_> = row.collect();
            let peers = row.iter().any(|(policy, _)| !policy.is_ours());
            let judged = row.clone().into_iter();
            let judged = judged.filter(move |(policy, _)| peers && policy.is_judged());
            judged.map(move |(policy, figures)| {
                let judgement = Judgement::of(scenario, figures, row.iter().copied());
                (scenario, policy, judgement)
            })
        })
    }

    /// The same with these policies alone.
    pub(super) fn of(&self, shown: impl Fn(&Policy) -> bool) -> Self {
        let kept = |policy: &&'static Policy| shown(policy);
        let rows = self.rows().flat_map(|(_, row)| row);
        Self {
            figures: rows
                .filter(|(policy, _)| shown(policy))
                .map(|(_, figures)| figures.clone())
                .collect(),
            plan: Plan {
                policies: self.plan.policies.iter().copied().filter(kept).collect(),
                ..self.plan.clone()
            },
        }
    }

    /// Pictures asked for in each field under each policy
    pub(super) fn operations(&self) -> usize {
        self.plan
            .operations
            .saturating_mul(usize::try_from(self.plan.seeds).unwrap_or(usize::MAX))
    }

    /// The scenarios, each with the figures of every policy.
    pub(super) fn rows(
        &self,
    ) -> impl Iterator<Item = (&Scenario, impl Iterator<Item = (&'static Policy, &Figures)>)> {
        let mut figures = self.figures.iter();
        self.plan.scenarios.iter().map(move |scenario| {
            let policies = self.plan.policies_of(scenario);
            let row: Vec<_> = policies.zip(&mut figures).collect();
            (&**scenario, row.into_iter())
        })
    }
}
