//! Who asks for what, when, and for how long.
//!
//! The day is the same under every policy, down to the second at which each caller leaves; so what differs between two
//! columns is the policy. Arrivals are a Poisson process, or bursts of one.

use std::time::Duration;

use longhaul_sim::Resolution;

use super::scenario::Scenario;

/// Requests of one day: a client whose places (ten to a host) do for what it asks.
pub(super) const PER_DAY: usize = 2_000;

const DAY: f64 = 86_400.0;

/// One picture that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operation {
    /// Since the first midnight
    pub(super) arrives: Duration,
    pub(super) resolution: Resolution,
    /// How long after the question its caller leaves
    pub(super) patience: Duration,
}

impl Operation {
    /// The size as a request writes it
    pub(super) const fn size(self) -> &'static str {
        match self.resolution {
            Resolution::K1 => "1024x1024",
            Resolution::K2 => "2048x2048",
            Resolution::K4 => "4096x4096",
        }
    }

    /// One price of its picture, in millionths of a dollar
    pub(super) const fn price(self) -> u64 {
        self.resolution.list_price_micros()
    }
}

/// So many requests over whole days, in the order of arrival: a Poisson process with that many arrivals, or bursts of
/// them. The same for every policy.
pub(super) fn operations(seed: u64, count: usize, scenario: &Scenario) -> Vec<Operation> {
    let days = count.div_ceil(PER_DAY) as f64;
    let mut rng = fastrand::Rng::with_seed(seed);
    // Of its own, so that days are the same whether or not callers are patient.
    let mut patience = fastrand::Rng::with_seed(!seed);
    let mut burst = Duration::ZERO;
    let mut operations: Vec<_> = (0..count)
        .map(|index| {
            let arrives = Duration::from_secs_f64(rng.f64() * days * DAY);
            if index % scenario.burst.get() == 0 {
                burst = arrives;
            }
            Operation {
                arrives: burst,
                resolution: scenario.mix.at(rng.f64()),
                patience: scenario.patience_at(patience.f64()),
            }
        })
        .collect();
    operations.sort_by_key(|operation| operation.arrives);
    operations
}
