//! Whether anything grew from one state of rest to the next.
//!
//! Growth is judged between states of rest and not while calls run, since then much is held for good reason. What comes
//! to its size once is allowed once, each allowance with its reason and its number; a leak grows with the operations,
//! however small.

use std::{error::Error, time::Duration};

use tokio::time::Instant;

use super::gauges::Gauges;

/// Rounds in which pools, maps and threads' own stores come to their size.
const WARM_UP: usize = 2;

/// Bytes for each operation. An attempt's handle alone has several hundred: losing one in twenty operations is seen.
const GROWTH: f64 = 16.0;

/// Bytes that may come once. Of what is kept from operation to operation one thing has its size only after the warm-up:
/// what the client remembers of its routes ([`RouteHistory`](longhaul::diagnosis::RouteHistory)), 112 bytes of each of the
/// last 256 cut connections and 32 of each of a route's last 256 endings, is full after some 1,400 operations.
const ONCE: f64 = 256.0 * (112.0 + 32.0) + 10_000.0;

/// Bytes of a database for each entry. SQLite takes 450 with its indexes, PostgreSQL some more.
const STORED: u64 = 1_500;

/// Bytes that a database may take at once: PostgreSQL extends tables and indexes by several pages.
const STORED_ONCE: u64 = 1 << 20;

/// What was counted at rest, after each round.
#[derive(Debug)]
pub(super) struct Settled {
    readings: Vec<Gauges>,
    /// Of one round.
    operations: u32,
}

impl Settled {
    pub(super) const fn new(operations: u32) -> Self {
        Self {
            readings: Vec::new(),
            operations,
        }
    }

    pub(super) fn rounds(&self) -> usize {
        self.readings.len()
    }

    /// Of all rounds.
    pub(super) fn operations(&self) -> u64 {
        self.rounds() as u64 * u64::from(self.operations)
    }

    /// The newest reading.
    pub(super) fn last(&self) -> Gauges {
        self.readings.last().copied().unwrap_or_default()
    }

    /// Reads until nothing more has been given back for as long as `quiet`, at most for as long as `patience`:
    /// connections and tasks end a moment after what they served.
    pub(super) async fn wait(
        &mut self,
        quiet: Duration,
        patience: Duration,
        read: impl Fn() -> Gauges,
    ) {
        let begun = Instant::now();
        let mut least = read();
        let mut since = begun;
        while since.elapsed() < quiet && begun.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = read();
            let fell = [
                now.heap < least.heap,
                now.sockets < least.sockets,
                now.files < least.files,
                now.tasks < least.tasks,
            ];
            if fell.contains(&true) {
                since = Instant::now();
            }
            least = now;
        }
        self.readings.push(least);
    }

    /// What was seen, in words; an error where something grew.
    pub(super) fn verdict(&self) -> Result<String, Box<dyn Error>> {
        let readings = self.readings.get(WARM_UP..).unwrap_or_default();
        let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
            return Err("too few rounds to judge by".into());
        };
        let mut grown = Vec::new();
        let heap = self.heap_growth(readings);
        let between = (readings.len() - 1) as f64 * f64::from(self.operations);
        if heap > GROWTH && heap * between > ONCE {
            grown.push(format!("the live heap by {heap:.1} bytes an operation"));
        }
        type Count = fn(&Gauges) -> usize;
        let counts: [(&str, Count); 5] = [
            ("open sockets", |gauges| gauges.sockets),
            ("open files", |gauges| gauges.files),
            ("tasks", |gauges| gauges.tasks),
            ("places taken", |gauges| gauges.places),
            ("entries left in the ledger", |gauges| gauges.ledger.left),
        ];
        for (name, count) in counts {
            let least = readings[..readings.len().div_ceil(2)]
                .iter()
                .map(count)
                .min();
            // Later than half of them the least must be no more: one straggler is no growth.
            let later = readings[readings.len() / 2..].iter().map(count).min();
            if later > least {
                grown.push(format!("{name} from {} to {}", count(first), count(last)));
            }
        }
        let stored = last.ledger.stored - first.ledger.stored;
        let bytes = last.ledger.bytes.saturating_sub(first.ledger.bytes);
        if bytes > STORED_ONCE + stored as u64 * STORED {
            grown.push(format!(
                "the database by {bytes} bytes for {stored} entries"
            ));
        }
        if grown.is_empty() {
            let stored = match last.ledger.stored {
                0 => String::new(),
                stored => format!(" {stored} entries take {} bytes;", last.ledger.bytes),
            };
            Ok(format!(
                "Flat over {} operations: {heap:+.1} bytes of live heap an operation;{stored} ledger and oracle agree.",
                self.operations(),
            ))
        } else {
            Err(format!("it grew: {}", grown.join(", ")).into())
        }
    }

    /// Bytes for each operation: the median of the slopes between all pairs of readings (Theil and Sen), which single
    /// outliers do not move.
    fn heap_growth(&self, readings: &[Gauges]) -> f64 {
        let mut slopes = Vec::new();
        for (later, b) in readings.iter().enumerate() {
            for (earlier, a) in readings[..later].iter().enumerate() {
                let operations = (later - earlier) as f64 * f64::from(self.operations);
                slopes.push((b.heap as f64 - a.heap as f64) / operations);
            }
        }
        slopes.sort_by(f64::total_cmp);
        slopes.get(slopes.len() / 2).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(heap: impl Fn(usize) -> usize, sockets: impl Fn(usize) -> usize) -> Settled {
        let reading = |round| Gauges {
            heap: heap(round),
            sockets: sockets(round),
            ..Gauges::default()
        };
        Settled {
            readings: (0..10).map(reading).collect(),
            operations: 100,
        }
    }

    #[test]
    fn noise_and_a_warm_up_are_flat() {
        let noise = [
            90_000, 40_000, 0, 4_000, 900, 30_000, 2_000, 100, 5_000, 3_000,
        ];
        let verdict = settled(|round| 1_000_000 + noise[round], |round| 3 + round % 2).verdict();
        assert!(verdict.is_ok(), "{verdict:?}");
    }

    #[test]
    fn a_handle_lost_in_four_operations_is_found() {
        let verdict = settled(|round| 1_000_000 + round * 100 / 4 * 400, |_| 3).verdict();
        let error = verdict.unwrap_err().to_string();
        assert_eq!(error, "it grew: the live heap by 100.0 bytes an operation");
    }

    #[test]
    fn a_socket_lost_now_and_then_is_found() {
        let verdict = settled(|_| 1_000_000, |round| 3 + round / 4).verdict();
        assert_eq!(
            verdict.unwrap_err().to_string(),
            "it grew: open sockets from 3 to 5"
        );
    }

    #[test]
    fn a_database_may_grow_by_its_entries_alone() {
        let verdict = |bytes: u64| {
            let mut settled = settled(|_| 1_000_000, |_| 3);
            for (round, reading) in settled.readings.iter_mut().enumerate() {
                reading.ledger.stored = round * 10_000;
                reading.ledger.bytes = round as u64 * 10_000 * bytes;
            }
            settled.verdict()
        };
        assert!(verdict(600).is_ok());
        let error = verdict(3_000).unwrap_err().to_string();
        let wanted = "it grew: the database by 210000000 bytes for 70000 entries";
        assert_eq!(error, wanted);
    }

    #[test]
    fn nothing_is_said_of_too_few_rounds() {
        assert!(Settled::new(100).verdict().is_err());
    }
}
