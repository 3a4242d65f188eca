//! What is reported of a field under a policy. Money and charges are the providers' own account, not ours.
//!
//! Waste is all that was charged beyond one price for each picture that a caller holds. It counts what callers and
//! their owners lose, whatever the reason.

use std::time::Duration;

use longhaul_sim::Entry;
use serde::Serialize;

use super::{books::Claims, cell::one_price_each, day::Operation};

/// What adds up over seeds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sums {
    operations: usize,
    attempts: usize,
    charged: usize,
    charged_micros: u64,
    pictures_micros: u64,
    waits: Vec<Duration>,
    claims: Option<Claims>,
}

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

impl Sums {
    pub(super) fn new(
        operations: &[Operation],
        waits: &[Option<Duration>],
        entries: &[Entry],
        claims: Option<Claims>,
    ) -> Self {
        let charged = entries.iter().filter(|entry| entry.charged_micros > 0);
        Self {
            operations: operations.len(),
            attempts: entries.len(),
            charged: charged.count(),
            charged_micros: entries.iter().map(|entry| entry.charged_micros).sum(),
            pictures_micros: one_price_each(operations, waits),
            waits: waits.iter().flatten().copied().collect(),
            claims,
        }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.operations += other.operations;
        self.attempts += other.attempts;
        self.charged += other.charged;
        self.charged_micros += other.charged_micros;
        self.pictures_micros += other.pictures_micros;
        self.waits.extend(other.waits);
        self.claims = match (self.claims, other.claims) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
        self
    }

    pub(super) fn figures(self) -> Figures {
        Figures {
            operations: self.operations,
            delivered: self.waits.len(),
            attempts: self.attempts,
            charged: self.charged,
            charged_micros: self.charged_micros,
            wasted_micros: self.charged_micros.saturating_sub(self.pictures_micros),
            seconds_to_picture: Quantiles::of(self.waits),
            claims: self.claims,
        }
    }
}

impl Figures {
    /// Pictures delivered of those asked for, in per cent
    pub(super) fn delivered_percent(&self) -> f64 {
        100.0 * self.delivered as f64 / self.operations as f64
    }

    /// Attempts charged for each picture delivered
    pub(super) fn charged_per_picture(&self) -> Option<f64> {
        (self.delivered > 0).then(|| self.charged as f64 / self.delivered as f64)
    }

    /// Dollars wasted for each picture delivered: without end where money was wasted and none came
    pub(super) fn wasted_per_picture(&self) -> f64 {
        if self.wasted_micros == 0 {
            return 0.0;
        }
        self.wasted_micros as f64 / 1e6 / self.delivered as f64
    }

    /// One price for each picture delivered, in millionths of a dollar
    pub(super) const fn pictures_micros(&self) -> u64 {
        self.charged_micros - self.wasted_micros
    }

    /// Dollars charged for each hundred pictures asked for
    pub(super) fn charged_per_hundred(&self) -> f64 {
        self.per_hundred(self.charged_micros as f64)
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
