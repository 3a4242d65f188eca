//! Several writers on one PostgreSQL: each says again and again that it lives, and looks for those that no longer do.
//!
//! Why a lease and not a lock of the session: PostgreSQL drops a session's locks when it notices that the connection is
//! gone, which takes two hours by Linux's defaults for TCP, or happens at once where a proxy cuts a connection that was
//! fine. A lease has one length, which both sides know.
//!
//! The clock is the server's alone. A writer's own clock may be wrong by minutes, and then another writer would close
//! what still runs.
//!
//! A lease that ran out too early does no lasting harm. The entries are closed as lost, and their writer, which lives,
//! writes over them when it closes them: the statement replaces a row whose end is `Lost`. `tests/durable/postgres.rs`
//! keeps that (`only_a_late_closing_takes_the_place_of_a_loss`).

use std::time::Duration;

use sqlx::{Any, AssertSqlSafe, any::AnyArguments, query::Query};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    recover::{self, NOW},
    sink::WriterId,
};
use crate::{error::LedgerError, store::Store};

/// It is renewed so many times before it would run out.
///
/// Two renewals in a row may fail, by a failover or a lost packet, before others take the writer for dead.
const RENEWALS: u32 = 3;

/// A writer's row in `writers`, renewed until it is given back.
#[derive(Debug)]
pub(super) struct Lease {
    holder: Holder,
    renewing: JoinHandle<()>,
}

/// What the task that renews needs; the lease keeps a copy to give it back.
#[derive(Clone, Debug)]
struct Holder {
    store: Store,
    writer: WriterId,
    name: String,
    length: Duration,
}

impl Lease {
    /// Takes it, so that nobody takes this writer's entries for lost.
    ///
    /// It is committed before this returns: an entry of this writer is never older than its lease.
    pub(super) async fn take(
        store: &Store,
        writer: WriterId,
        name: &str,
        length: Duration,
    ) -> Result<Self, LedgerError> {
        let holder = Holder {
            store: store.clone(),
            writer,
            name: name.to_owned(),
            length,
        };
        holder.renew().await?;
        let renewing = tokio::spawn(holder.clone().keep());
        Ok(Self { holder, renewing })
    }

    /// Whatever this writer left open may be recovered from now on.
    ///
    /// The task is stopped first, so that no renewal overtakes the removal and brings the row back.
    pub(super) async fn give_back(self) {
        self.renewing.abort();
        // Where that fails, it runs out by itself.
        let _ = timeout(self.holder.length, self.holder.remove()).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Holder {
    /// Renews, and looks for the entries of the dead when it may: after more than a whole lease of successful renewals.
    /// Without that wait a writer that comes back first after an outage would close the entries of all the others,
    /// whose leases ran out while nobody could renew.
    ///
    /// Late ticks are delayed and not made up for: a process that slept needs one renewal and not ten.
    async fn keep(self) {
        let mut ticks = interval(self.length / RENEWALS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut renewed = 0;
        loop {
            ticks.tick().await;
            renewed = match timeout(self.length / RENEWALS, self.renew()).await {
                Ok(Ok(())) => renewed + 1,
                _ => 0,
            };
            // When the database was away, the others had no chance to renew theirs either: they get a whole lease.
            if renewed > RENEWALS {
                renewed = 1;
                // What fails now is done the next time.
                let _ = timeout(self.length, recover::lost(&self.store)).await;
            }
        }
    }

    /// The row is inserted again where somebody removed it, since another writer may have taken this one for dead and
    /// cleared it away.
    async fn renew(&self) -> Result<(), LedgerError> {
        let statement = format!(
            "INSERT INTO writers (id, name, began_at, lease_until_at) VALUES ($1, $2, {NOW}, {NOW} + $3) \
             ON CONFLICT (id) DO UPDATE SET lease_until_at = excluded.lease_until_at"
        );
        let micros = i64::try_from(self.length.as_micros()).unwrap_or(i64::MAX);
        let renewal = sqlx::query(AssertSqlSafe(statement))
            .bind(self.writer.as_bytes().to_vec())
            .bind(self.name.clone())
            .bind(micros);
        self.execute(renewal).await
    }

    async fn remove(&self) -> Result<(), LedgerError> {
        let statement = "DELETE FROM writers WHERE id = $1";
        let removal = sqlx::query(statement).bind(self.writer.as_bytes().to_vec());
        self.execute(removal).await
    }

    /// On a connection that is given up where anything fails: it may lead to a server that another has taken over from.
    async fn execute(&self, query: Query<'_, Any, AnyArguments>) -> Result<(), LedgerError> {
        let store = &self.store;
        let mut connection = store.patient(store.pool().acquire()).await?;
        let done = store.patient(query.execute(&mut *connection)).await;
        if done.is_err() {
            connection.close_on_drop();
        }
        done.map(drop)
    }
}
