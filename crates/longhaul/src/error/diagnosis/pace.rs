//! How long the model usually takes.

use std::time::Duration;

use crate::model::Resolution;

/// Half of such calls, and 95 % of them, are done by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pace {
    pub(super) median: Duration,
    pub(super) p95: Duration,
}

/// The Nano Banana Pro timeout guide's table; nothing where the size is not known.
pub(super) const fn of(resolution: Resolution) -> Option<Pace> {
    let (median, p95) = match resolution {
        Resolution::K1 => (45, 90),
        Resolution::K2 => (65, 120),
        Resolution::K4 => (120, 170),
        Resolution::Unknown => return None,
    };
    Some(Pace {
        median: Duration::from_secs(median),
        p95: Duration::from_secs(p95),
    })
}
