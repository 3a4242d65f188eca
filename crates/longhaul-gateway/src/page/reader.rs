//! What the page reads from a ledger. Nothing is written.

use std::{collections::VecDeque, ops::Range, time::Duration, time::SystemTime};

use futures_util::TryStreamExt;
use jiff::tz::TimeZone;
use longhaul::{OperationId, billing::Record};
use longhaul_ledger::{
    Filter, LedgerError, Period, Scanned, Store,
    claims::{ClaimBook, Found},
    export::Format,
    report::By,
};

use crate::{core::MemoryLedger, upstream::Books, wall_clock::now};

/// Days that are shown.
const DAYS: u64 = 14;
/// Days whose claims are shown: providers settle within two months.
const CLAIM_DAYS: u64 = 92;
/// Attempts that are shown.
const ATTEMPTS: usize = 100;

/// A ledger to read.
#[derive(Clone, Debug)]
pub(super) enum Reader {
    Memory(MemoryLedger),
    Store(Store),
}

/// The money of one day in one currency, in millionths.
pub(super) struct Day {
    pub(super) day: String,
    pub(super) currency: String,
    pub(super) delivered: i64,
    pub(super) attempts: i64,
    pub(super) certain: i128,
    pub(super) possible: i128,
    pub(super) wasted: i128,
}

impl From<&Books> for Reader {
    fn from(books: &Books) -> Self {
        match books {
            Books::Memory(ledger) => Self::Memory(ledger.clone()),
            Books::Durable(ledger) => Self::Store(ledger.store().clone()),
        }
    }
}

impl Reader {
    /// The attempts of one operation, in their order.
    pub(super) async fn operation(&self, id: OperationId) -> Result<Vec<Record>, String> {
        match self {
            Self::Memory(ledger) => Ok(ledger.operation(id)),
            Self::Store(store) => match store.operation(id).await {
                Ok(stored) => Ok(stored.into_iter().map(|stored| stored.record).collect()),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// The last attempts, the newest first.
    pub(super) async fn last(&self) -> Result<Vec<Record>, String> {
        let store = self.store()?;
        let read = async {
            let mut kept = VecDeque::new();
            let filter = Filter::opened(last_days(DAYS));
            let mut rows = store.scan(&filter);
            while let Some(row) = rows.try_next().await? {
                if let Scanned::Stored(stored) = row {
                    kept.push_front(stored.record);
                    kept.truncate(ATTEMPTS);
                }
            }
            Ok::<_, LedgerError>(kept.into())
        };
        read.await.map_err(|error| error.to_string())
    }

    /// By day, the newest first.
    pub(super) async fn days(&self) -> Result<Vec<Day>, String> {
        let store = self.store()?;
        let read = async {
            let Range { start, end } = last_days(DAYS);
            let period = Period::new(start, end, TimeZone::UTC)?;
            let report = store.report(&period, &Filter::default()).await?;
            let mut days: Vec<Day> = report
                .by(&[By::Day])
                .into_iter()
                .map(|row| Day {
                    day: row.day.map_or_else(String::new, |day| day.to_string()),
                    currency: row
                        .currency
                        .map_or_else(String::new, |code| code.to_string()),
                    delivered: row.figures.delivered,
                    attempts: row.figures.attempts,
                    certain: row.figures.certain_micros,
                    possible: row.figures.possible_micros,
                    wasted: row.figures.wasted_micros,
                })
                .collect();
            days.sort_by(|one, other| other.day.cmp(&one.day));
            Ok::<_, LedgerError>(days)
        };
        read.await.map_err(|error| error.to_string())
    }

    /// What providers owe back, by the built-in rules.
    pub(super) async fn claims(&self) -> Result<Found, String> {
        let filter = Filter::opened(last_days(CLAIM_DAYS));
        let found = self.store()?.claims(&ClaimBook::default(), &filter).await;
        found.map_err(|error| error.to_string())
    }

    /// The same as rows for a provider's support.
    pub(super) async fn claims_csv(&self) -> Result<Vec<u8>, String> {
        let found = self.claims().await?;
        let mut csv = Vec::new();
        let written = Format::Csv.write(&found.claims, &mut csv);
        written.map(|()| csv).map_err(|error| error.to_string())
    }

    fn store(&self) -> Result<&Store, String> {
        match self {
            Self::Store(store) => Ok(store),
            Self::Memory(_) => Err("the ledger is in memory: see the calls".to_owned()),
        }
    }
}

fn last_days(days: u64) -> Range<SystemTime> {
    let end = now() + Duration::from_secs(60);
    let start = end.checked_sub(Duration::from_secs(days * 24 * 3600));
    start.unwrap_or(end)..end
}
