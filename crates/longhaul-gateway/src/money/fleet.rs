//! What callers may spend, counted by all gateways that share a database.
//!
//! A caller has one row for each span of its cap. Money is held by an `UPDATE` whose condition is the cap: the database lets
//! one after the other through, so that all together never go over it. What a gateway holds that dies stays held until
//! the span is over: nobody knows whether it was charged.
//!
//! What is held has a row of its own, which goes when it is settled: a settlement that was written although its answer was
//! lost is made again, and counts once. The gateway names the row before it is written: a hold whose answer was lost is given
//! back by its name.

use std::{error::Error, fmt, str::FromStr, sync::Arc};

use sqlx::{
    AnyConnection, AnyPool, Row as _,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::account::{Back, Balance, Charged, Hold, begin, refused};
use crate::{
    config::{Cap, Per},
    core::{BoxError, ErrorKind, Money},
    replay::{make_table, make_tables},
    until_written::{NotReached, until_written},
    wall_clock::millis,
};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS longhaul_spending (
    caller TEXT NOT NULL, currency TEXT NOT NULL, per TEXT NOT NULL, since BIGINT NOT NULL,
    spent BIGINT NOT NULL, doubtful BIGINT NOT NULL, held BIGINT NOT NULL,
    PRIMARY KEY (caller, currency, per, since))";
/// `BIGSERIAL`, since 0.1.0 had its rows counted by it.
const HOLDS: &str = "CREATE TABLE IF NOT EXISTS longhaul_holds (hold BIGSERIAL PRIMARY KEY, micros BIGINT NOT NULL)";
/// The row of a span; what follows binds from `$5` on.
macro_rules! of_span {
    ($statement:literal) => {
        concat!(
            $statement,
            " WHERE caller = $1 AND currency = $2 AND per = $3 AND since = $4"
        )
    };
}
/// One statement: the row of the span grows only where the cap allows it, and the hold exists only where it grew. No
/// lock is held between round trips.
const HOLD: &str = concat!(
    of_span!("WITH fits AS (UPDATE longhaul_spending SET held = held + $5"),
    " AND spent + doubtful + held + $5 <= $6 RETURNING 1) \
     INSERT INTO longhaul_holds (hold, micros) SELECT $7, $5 FROM fits"
);
/// Deletes the hold, and moves its money only where there was one: made twice, the second changes nothing.
const SETTLE: &str = of_span!(
    "WITH settled AS (DELETE FROM longhaul_holds WHERE hold = $5 RETURNING micros) \
     UPDATE longhaul_spending SET held = held - settled.micros, spent = spent + $6, doubtful = doubtful + $7 FROM settled"
);
/// Before a hold is given back that may be written at this moment: it waits for that, and keeps it from being written later.
const VOID: &str =
    "INSERT INTO longhaul_holds (hold, micros) VALUES ($1, 0) ON CONFLICT (hold) DO NOTHING";
const READ: &str = of_span!("SELECT spent, doubtful, held FROM longhaul_spending");
/// The first to ask in a span takes over what was spent in it before anybody counted here.
const BEGIN: &str = "INSERT INTO longhaul_spending (caller, currency, per, since, spent, doubtful, held) \
    SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), \
    CAST(COALESCE(SUM(certain), 0) AS BIGINT), CAST(COALESCE(SUM(possible - certain), 0) AS BIGINT), 0 \
    FROM (SELECT certain, possible FROM longhaul_operations \
    WHERE caller = $1 AND currency = $2 AND began >= $4 AND state <> 'running' UNION ALL \
    SELECT certain, possible FROM longhaul_forgotten WHERE caller = $1 AND currency = $2 AND day >= $4) AS known \
    ON CONFLICT (caller, currency, per, since) DO NOTHING";

/// Beside the eight of the index, on the same server.
const CONNECTIONS: u32 = 4;

/// The money that all gateways count together.
#[derive(Clone)]
pub(super) struct Fleet {
    pool: AnyPool,
    settling: TaskTracker,
}

/// Money that is held, by its row.
#[derive(Clone, Debug)]
pub(super) struct FleetHold {
    span: Span,
    row: i64,
}

/// One caller's money in one span of its cap.
///
/// The key of its row. `since` is 0 for a cap without end.
#[derive(Clone, Debug)]
pub(super) struct Span {
    caller: Arc<str>,
    currency: String,
    per: &'static str,
    since: i64,
}

impl Span {
    pub(super) fn of(caller: &Arc<str>, cap: Cap) -> Self {
        Self {
            caller: caller.clone(),
            currency: cap.limit.currency.to_string(),
            per: match cap.per {
                Per::Day => "day",
                Per::Month => "month",
                Per::Ever => "ever",
            },
            since: begin(cap.per).map_or(0, millis),
        }
    }
}

impl Fleet {
    /// The operations' table is made too: what was spent before is read from it.
    pub(super) async fn open(url: &str) -> Result<Self, BoxError> {
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(AnyConnectOptions::from_str(url)?)
            .await?;
        make_tables(&pool).await?;
        make_table(&pool, TABLE).await?;
        make_table(&pool, HOLDS).await?;
        Ok(Self {
            pool,
            settling: TaskTracker::new(),
        })
    }

    pub(super) async fn balance(&self, span: &Span) -> Result<Balance, BoxError> {
        let mut line = self.pool.acquire().await?;
        self.read(&mut line, span).await
    }

    async fn read(&self, line: &mut AnyConnection, span: &Span) -> Result<Balance, BoxError> {
        let row = self.asked(READ, span).fetch_optional(line).await?;
        let Some(row) = row else {
            return Ok(Balance::default());
        };
        Ok(Balance {
            spent: row.try_get(0)?,
            doubtful: row.try_get(1)?,
            held: row.try_get(2)?,
        })
    }

    /// Holds `price` under `cap`, on a task of its own: what is held is settled also where nobody waits for it any more.
    ///
    /// A database that does not answer is `ErrorKind::Ledger`, 503: what cannot be counted is not sent.
    pub(super) async fn hold(&self, span: Span, cap: Cap, price: Money) -> Result<Hold, ErrorKind> {
        let fleet = self.clone();
        let task = self.settling.spawn(async move {
            let held = FleetHold::new(span).map_err(|error| uncounted(&error))?;
            match fleet.try_hold(&held, cap, price).await {
                Ok(Ok(())) => Ok(Hold::new(Back::Fleet(fleet, held), price)),
                Ok(Err(taken)) => Err(refused(cap, taken, Some(price))),
                Err(error) => {
                    if !error.is::<NotReached>() {
                        fleet.give_back(held);
                    }
                    Err(uncounted(&*error))
                }
            }
        });
        task.await.unwrap_or(Err(ErrorKind::Ledger))
    }

    /// Tells what is taken already, where the price does not fit.
    async fn try_hold(
        &self,
        held: &FleetHold,
        cap: Cap,
        price: Money,
    ) -> Result<Result<(), Balance>, BoxError> {
        let mut line = self.pool.acquire().await.map_err(NotReached)?;
        if self.holds(&mut line, held, cap, price).await? {
            return Ok(Ok(()));
        }
        // Over the cap, or the first in its span.
        let begin = self.asked(BEGIN, &held.span);
        begin.execute(&mut *line).await?;
        if self.holds(&mut line, held, cap, price).await? {
            return Ok(Ok(()));
        }
        self.read(&mut line, &held.span).await.map(Err)
    }

    async fn holds(
        &self,
        line: &mut AnyConnection,
        held: &FleetHold,
        cap: Cap,
        price: Money,
    ) -> Result<bool, BoxError> {
        let asked = self.asked(HOLD, &held.span);
        let asked = asked.bind(price.micros).bind(cap.limit.micros);
        let written = asked.bind(held.row).execute(line).await?;
        Ok(written.rows_affected() > 0)
    }

    /// Gives back what may be held although nobody was told: nothing was sent for it.
    fn give_back(&self, held: FleetHold) {
        let fleet = self.clone();
        self.settling.spawn(async move {
            until_written("what a caller holds no more", || fleet.try_give_back(&held)).await;
        });
    }

    async fn try_give_back(&self, held: &FleetHold) -> Result<(), BoxError> {
        let void = sqlx::query(VOID).bind(held.row);
        void.execute(&self.pool).await?;
        self.try_settle(held, 0, Charged::Free).await
    }

    /// Gives back what was held, and counts what was charged of it.
    ///
    /// On a task: `Drop` cannot wait.
    pub(super) fn settle(&self, held: FleetHold, micros: i64, charged: Charged) {
        // Without a runtime the process ends, and what it held stays held.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let fleet = self.clone();
        self.settling.spawn_on(
            async move {
                until_written("what a caller spent", || {
                    fleet.try_settle(&held, micros, charged)
                })
                .await;
            },
            &runtime,
        );
    }

    /// Once, however often it is called.
    async fn try_settle(
        &self,
        held: &FleetHold,
        micros: i64,
        charged: Charged,
    ) -> Result<(), BoxError> {
        let (spent, doubtful) = match charged {
            Charged::Free => (0, 0),
            Charged::Doubtful => (0, micros),
            Charged::Spent => (micros, 0),
        };
        let asked = self.asked(SETTLE, &held.span).bind(held.row);
        let asked = asked.bind(spent).bind(doubtful);
        asked.execute(&self.pool).await?;
        Ok(())
    }

    pub(super) async fn idle(&self) {
        self.settling.close();
        self.settling.wait().await;
    }

    fn asked<'q>(
        &self,
        query: &'static str,
        span: &'q Span,
    ) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
        sqlx::query(query)
            .bind(&*span.caller)
            .bind(&*span.currency)
            .bind(span.per)
            .bind(span.since)
    }
}

impl FleetHold {
    /// Below 0, where no row has a number that the database chose.
    fn new(span: Span) -> Result<Self, getrandom::Error> {
        let mut bits = [0; 8];
        getrandom::fill(&mut bits)?;
        let row = i64::from_be_bytes(bits) | i64::MIN;
        Ok(Self { span, row })
    }
}

fn uncounted(error: &(dyn Error + 'static)) -> ErrorKind {
    tracing::error!(
        error,
        "the caller's money cannot be counted; nothing is sent"
    );
    ErrorKind::Ledger
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
