//! What the page reads from a ledger. Nothing is written.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::TryStreamExt;
use jiff::tz::TimeZone;
use longhaul::{OperationId, billing::Record};
use longhaul_ledger::{
    Filter, LedgerError, Period, Scanned, Store,
    claims::{ClaimBook, Found},
    export::Format,
    report::By,
};
use tokio::{sync::Mutex, time::Instant};

use crate::{core::MemoryLedger, upstream::Books, wall_clock::now};

/// Days that are shown.
///
/// Two working weeks; `longhaul-ledger report` has any span.
const DAYS: u64 = 14;
/// Days whose claims are shown: providers settle within two months.
const CLAIM_DAYS: u64 = 92;
/// Attempts that are shown.
const ATTEMPTS: usize = 100;

/// How old the claims by day may be: they are looked for in every entry, and the page is renewed every two seconds.
const CLAIMED_FOR: Duration = Duration::from_secs(60);

/// A ledger to read. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    books: ReadBooks,
    /// Shared by all who look at the page, so that ten browsers ask once.
    claimed: Arc<Mutex<Option<(Instant, Claimed)>>>,
}

/// A ledger in memory has no reports: its operations can be looked at by their ids, and nothing else.
#[derive(Clone, Debug)]
enum ReadBooks {
    Memory(MemoryLedger),
    Store(Store),
}

/// What is owed back by day and currency, in millionths.
type Claimed = Arc<BTreeMap<(String, String), i128>>;

/// The money of one day in one currency, in millionths.
pub(super) struct Day {
    pub(super) day: String,
    pub(super) currency: String,
    pub(super) delivered: i64,
    pub(super) attempts: i64,
    pub(super) certain: i128,
    pub(super) possible: i128,
    pub(super) wasted: i128,
    /// By the likelihood of each ending, without what was wasted.
    pub(super) worth: i128,
    /// Of claims by the built-in rules.
    pub(super) claimed: i128,
}

impl From<&Books> for Reader {
    fn from(books: &Books) -> Self {
        Self::of(match books {
            Books::Memory(ledger) => ReadBooks::Memory(ledger.clone()),
            Books::Durable(ledger) => ReadBooks::Store(ledger.store().clone()),
        })
    }
}

impl From<Store> for Reader {
    fn from(store: Store) -> Self {
        Self::of(ReadBooks::Store(store))
    }
}

impl Reader {
    fn of(books: ReadBooks) -> Self {
        Self {
            books,
            claimed: Arc::default(),
        }
    }

    /// The attempts of one operation, in their order.
    pub(super) async fn operation(&self, id: OperationId) -> Result<Vec<Record>, String> {
        match &self.books {
            ReadBooks::Memory(ledger) => Ok(ledger.operation(id)),
            ReadBooks::Store(store) => match store.operation(id).await {
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
    ///
    /// An error is a sentence for the page.
    pub(super) async fn days(&self) -> Result<Vec<Day>, String> {
        let store = self.store()?;
        let claimed = self.claimed_by_day().await?;
        let read = async {
            let Range { start, end } = last_days(DAYS);
            let period = Period::new(start, end, TimeZone::UTC)?;
            let report = store.report(&period, &Filter::default()).await?;
            let mut days: Vec<Day> = report
                .by(&[By::Day])
                .into_iter()
                .map(|row| {
                    (
                        row.day.map_or_else(String::new, |day| day.to_string()),
                        row.currency
                            .map_or_else(String::new, |code| code.to_string()),
                        row,
                    )
                })
                .map(|(day, currency, row)| Day {
                    claimed: claimed
                        .get(&(day.clone(), currency.clone()))
                        .copied()
                        .unwrap_or_default(),
                    worth: row.figures.expected_micros - row.figures.wasted_micros,
                    day,
                    currency,
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

    /// What is owed back of the days that are shown.
    ///
    /// Held for a minute under a lock that is kept while they are read: who comes meanwhile waits for the same
    /// answer.
    async fn claimed_by_day(&self) -> Result<Claimed, String> {
        let mut known = self.claimed.lock().await;
        if let Some((at, claimed)) = &*known
            && at.elapsed() < CLAIMED_FOR
        {
            return Ok(claimed.clone());
        }
        let filter = Filter::opened(last_days(DAYS));
        let found = self.store()?.claims(&ClaimBook::default(), &filter).await;
        let mut claimed = BTreeMap::new();
        for claim in found.map_err(|error| error.to_string())?.claims {
            let Some(amount) = claim.amount else { continue };
            let opened = jiff::Timestamp::try_from(claim.stored.record.opening.opened_at);
            let day = opened.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            let day = TimeZone::UTC.to_datetime(day).date().to_string();
            *claimed
                .entry((day, amount.currency.to_string()))
                .or_default() += i128::from(amount.micros);
        }
        let claimed = Arc::new(claimed);
        *known = Some((Instant::now(), Arc::clone(&claimed)));
        Ok(claimed)
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
        match &self.books {
            ReadBooks::Store(store) => Ok(store),
            ReadBooks::Memory(_) => Err("the ledger is in memory: see the calls".to_owned()),
        }
    }
}

/// A minute into the future, since another machine's clock may be ahead.
fn last_days(days: u64) -> Range<SystemTime> {
    let end = now() + Duration::from_secs(60);
    let start = end.checked_sub(Duration::from_secs(days * 24 * 3600));
    start.unwrap_or(end)..end
}
