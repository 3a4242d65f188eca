//! What is reported of a cell. Money and charges are the providers' own account, not ours.

use std::time::Duration;

use longhaul_sim::Entry;
use serde::Serialize;

use super::books::Claims;

/// The figures of one scenario under one policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Pictures asked for
    pub(super) operations: usize,
    /// Pictures that callers hold
    pub(super) delivered: usize,
    /// Requests that reached a provider
    pub(super) attempts: usize,
    /// Attempts that a provider charged
    pub(super) charged: usize,
    /// All that was charged, in millionths of a dollar
    pub(super) charged_micros: u64,
    /// The part of it beyond one price for each picture delivered
    pub(super) wasted_micros: u64,
    /// From the question to the picture's last byte, in seconds; nothing where no picture came
    pub(super) seconds_to_picture: Option<Quantiles>,
    /// What the ledger claims back; nothing without a ledger
    pub(super) claims: Option<Claims>,
}

/// Nearest ranks, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
}

impl Figures {
    pub(super) fn new(
        operations: usize,
        waits: Vec<Duration>,
        entries: &[Entry],
        claims: Option<Claims>,
    ) -> Self {
        let charged = entries.iter().filter(|entry| entry.charged_micros > 0);
        let micros = |entry: &Entry| entry.charged_micros;
        let charged_micros = entries.iter().map(micros).sum();
        let paid_for: u64 = entries
            .iter()
            .filter(|entry| entry.delivered)
            .map(micros)
            .sum();
        Self {
            operations,
            delivered: waits.len(),
            attempts: entries.len(),
            charged: charged.count(),
            charged_micros,
            wasted_micros: charged_micros - paid_for,
            seconds_to_picture: Quantiles::of(waits),
            claims,
        }
    }

    /// Pictures delivered of those asked for, in per cent
    pub(super) fn delivered_percent(&self) -> f64 {
        100.0 * self.delivered as f64 / self.operations as f64
    }

    /// Attempts charged for each picture delivered
    pub(super) fn charged_per_picture(&self) -> Option<f64> {
        (self.delivered > 0).then(|| self.charged as f64 / self.delivered as f64)
    }

    /// Dollars wasted for each hundred pictures asked for
    pub(super) fn wasted_per_hundred(&self) -> f64 {
        self.per_hundred(self.wasted_micros as f64)
    }

    /// Dollars claimed back for each hundred pictures asked for
    pub(super) fn claimed_per_hundred(&self) -> Option<f64> {
        self.claims
            .map(|claims| self.per_hundred(claims.micros() as f64))
    }

    fn per_hundred(&self, micros: f64) -> f64 {
        micros / 1e6 / self.operations as f64 * 100.0
    }
}

impl Quantiles {
    fn of(mut waits: Vec<Duration>) -> Option<Self> {
        waits.sort_unstable();
        let rank = |share: f64| {
            let nearest = (share * waits.len() as f64).ceil() as usize;
            waits.get(nearest.max(1) - 1).map(Duration::as_secs_f64)
        };
        Some(Self {
            p50: rank(0.50)?,
            p95: rank(0.95)?,
            p99: rank(0.99)?,
        })
    }
}
