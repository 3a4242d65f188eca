//! All cells: every scenario under every policy.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
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
        let cells: Vec<_> = self
            .scenarios
            .iter()
            .flat_map(|scenario| self.policies.iter().map(move |policy| (scenario, *policy)))
            .collect();
        let played: Vec<Mutex<Option<Result<Cell, String>>>> =
            cells.iter().map(|_| Mutex::default()).collect();
        let next = AtomicUsize::new(0);
        let work = || loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((scenario, policy)) = cells.get(at) else {
                return;
            };
            let cell = play(scenario, policy, self.seed, self.operations);
            let cell = cell.map_err(|error| error.to_string());
            *played[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(cell);
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads.min(cells.len()) {
                scope.spawn(work);
            }
        });

        let mut figures = Vec::with_capacity(cells.len());
        let mut wrong = Vec::new();
        for ((scenario, policy), cell) in cells.iter().zip(played) {
            let name = format!("{} under {}", scenario.name, policy.name);
            let cell = cell.into_inner().unwrap_or_else(PoisonError::into_inner);
            let cell = cell.ok_or_else(|| format!("{name}: not played"))??;
            wrong.extend(cell.wrong.iter().map(|line| format!("{name}: {line}")));
            figures.push(cell.figures);
        }
        if !wrong.is_empty() {
            return Err(Disagreement(wrong).into());
        }
        drop(cells);
        Ok(Table {
            plan: self,
            figures,
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
