//! Who asks for what, and when.

use std::time::Duration;

use longhaul_sim::Resolution;

use super::scenario::Mix;

/// Requests of one day: a client whose places (ten to a host) do for what it asks.
pub(super) const PER_DAY: usize = 2_000;

const DAY: f64 = 86_400.0;

/// One picture that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Operation {
    /// Since the first midnight
    pub(super) arrives: Duration,
    pub(super) resolution: Resolution,
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
}

/// So many requests over whole days, in the order of arrival: a Poisson process with that many arrivals. The same for
/// every policy.
pub(super) fn operations(seed: u64, count: usize, mix: Mix) -> Vec<Operation> {
    let days = count.div_ceil(PER_DAY) as f64;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut operations: Vec<_> = (0..count)
        .map(|_| Operation {
            arrives: Duration::from_secs_f64(rng.f64() * days * DAY),
            resolution: mix.at(rng.f64()),
        })
        .collect();
    operations.sort_by_key(|operation| operation.arrives);
    operations
}
