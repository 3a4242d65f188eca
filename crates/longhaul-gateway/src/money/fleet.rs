//! What callers may spend, counted by all gateways that share a database.
//!
//! A caller has one row for each span of its cap. Money is held by an `UPDATE` whose condition is the cap: the database lets
//! one after the other through, so that all together never go over it. What a gateway holds that dies stays held until
//! the span is over: nobody knows whether it was charged.
//!
//! What is held has a row of its own, which goes when it is settled: a settlement that was written although its answer was
//! lost is made again, and counts once.

use std::{fmt, str::FromStr, sync::Arc};

use sqlx::{
    AnyPool, Row as _,
    any::{AnyConnectOptions, AnyPoolOptions},
};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::account::{Back, Balance, Charged, Hold, begin, refused};
use crate::{
    config::{Cap, Per},
    core::{BoxError, ErrorKind, Money},
    replay::{make_table, make_tables},
    until_written::until_written,
    wall_clock::millis,
};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS longhaul_spending (
    caller TEXT NOT NULL, currency TEXT NOT NULL, per TEXT NOT NULL, since BIGINT NOT NULL,
    spent BIGINT NOT NULL, doubtful BIGINT NOT NULL, held BIGINT NOT NULL,
    PRIMARY KEY (caller, currency, per, since))";
/// `BIGSERIAL`: PostgreSQL alone has it, and only there is anything shared.
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
     INSERT INTO longhaul_holds (micros) SELECT $5 FROM fits RETURNING hold"
);
/// Deletes the hold, and moves its money only where there was one: made twice, the second changes nothing.
const SETTLE: &str = of_span!(
    "WITH settled AS (DELETE FROM longhaul_holds WHERE hold = $5 RETURNING micros) \
     UPDATE longhaul_spending SET held = held - settled.micros, spent = spent + $6, doubtful = doubtful + $7 FROM settled"
);
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
        let row = self.asked(READ, span).fetch_optional(&self.pool).await?;
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
            match fleet.try_hold(&span, cap, price).await {
                Ok(Ok(row)) => {
                    let held = FleetHold { span, row };
                    Ok(Hold::new(Back::Fleet(fleet, held), price))
                }
                Ok(Err(taken)) => Err(refused(cap, taken, Some(price))),
                Err(error) => {
                    tracing::error!(
                        error,
                        "the caller's money cannot be counted; nothing is sent"
                    );
                    Err(ErrorKind::Ledger)
                }
            }
        });
        task.await.unwrap_or(Err(ErrorKind::Ledger))
    }

    /// The row of what is held now; or what is taken already, where the price does not fit.
    async fn try_hold(
        &self,
        span: &Span,
        cap: Cap,
        price: Money,
    ) -> Result<Result<i64, Balance>, BoxError> {
        let hold = async || {
            let asked = self.asked(HOLD, span);
            let asked = asked.bind(price.micros).bind(cap.limit.micros);
            let row = asked.fetch_optional(&self.pool).await?;
            row.map(|row| row.try_get(0)).transpose()
        };
        if let Some(row) = hold().await? {
            return Ok(Ok(row));
        }
        // Over the cap, or the first in its span.
        self.asked(BEGIN, span).execute(&self.pool).await?;
        if let Some(row) = hold().await? {
            return Ok(Ok(row));
        }
        self.balance(span).await.map(Err)
    }

    /// Gives back what was held, and counts what was charged of it.
    ///
    /// On a task, tried for up to an hour. `Drop` cannot wait.
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

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
