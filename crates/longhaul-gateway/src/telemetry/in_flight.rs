//! Gauges of what is in flight: money that may be charged by now, and tasks.
//!
//! Counted from the calls that run at the moment of asking, and not kept by adding and taking away: a call that ends
//! in a way that nobody thought of cannot leave money standing here.
//!
//! What was told once is told as zero from then on: a gauge that is no longer told keeps its last value.
//!
//! Tests: `money_is_told_as_exposed_while_its_call_is_out`, `what_has_no_price_row_is_counted_as_unpriced`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use metrics::{Gauge, gauge};

use super::history::RunningCall;
use crate::core::{Attempt, Currency};

/// What is out at one upstream.
#[derive(Debug, Default)]
struct Out {
    /// Millionths by currency. What was told once stays, and is zero when nothing is left of it.
    micros: HashMap<Currency, i64>,
    /// Attempts without a price row: nobody knows what they cost.
    unpriced: usize,
}

/// Tells the gauges of all operations that run.
#[derive(Debug, Default)]
pub(crate) struct InFlightGauges(Mutex<HashMap<Arc<str>, Out>>);

impl InFlightGauges {
    /// Each attempt that may have been charged by now counts with its most, the earlier ones of an operation that
    /// runs among them.
    pub(crate) fn tell(&self, running: &[RunningCall]) {
        let mut upstreams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for out in upstreams.values_mut() {
            out.micros.values_mut().for_each(|micros| *micros = 0);
            out.unpriced = 0;
        }
        let mut polled = 0;
        for call in running {
            let Some(progress) = &call.progress else {
                continue;
            };
            polled += progress.attempts().iter().filter(is_polled).count();
            for exposure in progress.exposures() {
                let out = upstreams.entry(call.asked.upstream.clone()).or_default();
                match exposure.possible() {
                    Some(most) => {
                        let micros = out.micros.entry(most.currency).or_default();
                        *micros = micros.saturating_add(most.micros);
                    }
                    None => out.unpriced += 1,
                }
            }
        }
        for (upstream, out) in &*upstreams {
            for (currency, micros) in &out.micros {
                gauge!(
                    "longhaul.exposure.micros",
                    "upstream" => upstream.to_string(),
                    "currency" => currency.to_string(),
                )
                .set(*micros as f64);
            }
            gauge!("longhaul.exposure.unpriced", "upstream" => upstream.to_string())
                .set(out.unpriced as f64);
        }
        open_tasks("polled").set(polled as f64);
    }
}

/// Whether a task was submitted that this attempt waits for.
fn is_polled(attempt: &&Attempt) -> bool {
    attempt.outcome_now().is_none() && attempt.has_open_task()
}

/// Tasks that were submitted and not collected: `polled` by a call that runs here, or `left` by one that ended or whose
/// process is gone.
///
/// In one place, so that both states are of one gauge.
pub(crate) fn open_tasks(state: &'static str) -> Gauge {
    gauge!("longhaul.tasks.open", "state" => state)
}
