//! The statements, the same for both databases.
//!
//! Each question is one statement, and what must be atomic is atomic in it, so that a process that dies between two
//! leaves nothing half done. One is a transaction: what is forgotten is removed and summed up together. `$1` is what
//! both databases understand; `ON CONFLICT … DO NOTHING` is, too.

use std::time::SystemTime;

use futures_util::future::BoxFuture;
use sqlx::Row as _;

use super::{
    super::{Forgotten, schema::read, write_headers},
    Digest, Index, PublicId, Row, Scope, SqlIndex,
};
use crate::{
    core::{BoxError, Currency},
    until_written::NotReached,
    wall_clock::{millis, now},
};

/// Rows that nobody can ask for. The condition stands in both places, since one that was chosen may have been taken up
/// before it is removed.
macro_rules! forgotten {
    ($statement:literal, $condition:literal) => {
        concat!(
            $statement,
            " WHERE ",
            $condition,
            " AND id IN (SELECT id FROM longhaul_operations WHERE ",
            $condition,
            " ORDER BY ended LIMIT $2) RETURNING caller, currency, began, certain, possible"
        )
    };
}
const FORGET: &str = forgotten!(
    "DELETE FROM longhaul_operations",
    "key_digest IS NULL AND state IN ('free', 'unknown') AND ended < $1"
);

/// The whole rows that fulfil a condition. The order of the columns is that of `schema::read`, which reads them by
/// number.
macro_rules! rows_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, scope, caller, key_digest, request_digest, state, began, ended, class, status, headers, \
             length, certain, possible, currency FROM longhaul_operations ",
            $condition
        )
    };
}

impl SqlIndex {
    /// At most one row, by texts alone.
    async fn one(&self, query: &'static str, binds: &[&str]) -> Result<Option<Row>, BoxError> {
        let mut asked = sqlx::query(query);
        for bind in binds {
            asked = asked.bind(*bind);
        }
        let row = asked.fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }
}

impl Index for SqlIndex {
    fn renew(&self) -> BoxFuture<'_, Result<u64, BoxError>> {
        Box::pin(async move {
            let at = now();
            sqlx::query(
                "INSERT INTO longhaul_replicas (id, seen) VALUES ($1, $2) \
                 ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
            )
            .bind(&self.replica)
            .bind(millis(at))
            .execute(&self.pool)
            .await?;
            let alive_since = at.checked_sub(self.lease).unwrap_or(at);
            let lost = sqlx::query(
                "UPDATE longhaul_operations SET state = 'unknown', ended = $1 WHERE state = 'running' \
                 AND owner <> $2 AND owner NOT IN (SELECT id FROM longhaul_replicas WHERE seen > $3)",
            )
            .bind(millis(at))
            .bind(&self.replica)
            .bind(millis(alive_since))
            .execute(&self.pool)
            .await?;
            // They run nothing any more. One that lives after all writes itself down again.
            sqlx::query("DELETE FROM longhaul_replicas WHERE id <> $1 AND seen <= $2")
                .bind(&self.replica)
                .bind(millis(alive_since))
                .execute(&self.pool)
                .await?;
            Ok(lost.rows_affected())
        })
    }

    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    fn begin(&self, row: Row) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        Box::pin(async move {
            let mut line = self.pool.acquire().await.map_err(NotReached)?;
            let written = sqlx::query(
                "INSERT INTO longhaul_operations (id, scope, caller, key_digest, request_digest, state, began, length, \
                 certain, possible, currency, owner) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10) \
                 ON CONFLICT (scope, key_digest) DO NOTHING",
            )
            .bind(row.id.digits())
            .bind(hex::encode(row.scope.as_bytes()))
            .bind(&row.caller)
            .bind(row.key.map(|key| hex::encode(key.0)))
            .bind(hex::encode(row.request.0))
            .bind(row.state.name())
            .bind(row.began)
            .bind(row.possible.map(|money| money.micros))
            .bind(row.possible.map(|money| money.currency.to_string()))
            .bind(&self.replica)
            .execute(&mut *line)
            .await?;
            // SQLite has one.
            drop(line);
            if written.rows_affected() > 0 {
                return Ok(None);
            }
            let key = row
                .key
                .ok_or("an operation without a key was there already")?;
            let existing = self.by_key(row.scope, key).await?;
            Ok(Some(
                existing.ok_or("the operation with this key has just gone")?,
            ))
        })
    }

    fn end(&self, row: Row) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            // An `UPDATE` would find nothing where the beginning is not committed yet, and the row would run for ever.
            sqlx::query(
                "INSERT INTO longhaul_operations (state, ended, class, status, headers, length, certain, possible, \
                 currency, id, scope, caller, request_digest, began, owner) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                 ON CONFLICT (id) DO UPDATE SET state = excluded.state, ended = excluded.ended, class = excluded.class, \
                 status = excluded.status, headers = excluded.headers, length = excluded.length, \
                 certain = excluded.certain, possible = excluded.possible, currency = excluded.currency",
            )
            .bind(row.state.name())
            .bind(row.ended)
            .bind(row.class)
            .bind(row.status.map(|status| i64::from(status.as_u16())))
            .bind(write_headers(&row.headers))
            .bind(i64::try_from(row.length)?)
            .bind(row.certain)
            .bind(row.possible.map(|money| money.micros))
            .bind(row.possible.map(|money| money.currency.to_string()))
            .bind(row.id.digits())
            .bind(hex::encode(row.scope.as_bytes()))
            .bind(row.caller)
            .bind(hex::encode(row.request.0))
            .bind(row.began)
            .bind(&self.replica)
            .execute(&self.pool)
            .await?;
            Ok(())
        })
    }

    fn resume(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        Box::pin(async move {
            let resumed = sqlx::query(
                "UPDATE longhaul_operations SET state = 'running', ended = NULL, owner = $1 \
                 WHERE id = $2 AND state = 'unknown'",
            )
            .bind(&self.replica)
            .bind(id.digits())
            .execute(&self.pool)
            .await?;
            match resumed.rows_affected() {
                0 => Ok(None),
                _ => self.get(id).await,
            }
        })
    }

    fn release_key(&self, id: PublicId) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async move {
            sqlx::query("UPDATE longhaul_operations SET key_digest = NULL WHERE id = $1")
                .bind(id.digits())
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn get(&self, id: PublicId) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        Box::pin(async move {
            self.one(rows_where!("WHERE id = $1"), &[&id.digits()])
                .await
        })
    }

    fn by_key(&self, scope: Scope, key: Digest) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        Box::pin(async move {
            let (scope, key) = (hex::encode(scope.as_bytes()), hex::encode(key.0));
            self.one(
                rows_where!("WHERE scope = $1 AND key_digest = $2"),
                &[&scope, &key],
            )
            .await
        })
    }

    fn by_request(
        &self,
        scope: Scope,
        request: Digest,
        since: SystemTime,
    ) -> BoxFuture<'_, Result<Option<Row>, BoxError>> {
        Box::pin(async move {
            let row = sqlx::query(rows_where!(
                "WHERE scope = $1 AND request_digest = $2 AND state <> 'free' \
                 AND (ended >= $3 OR (state = 'running' AND owner <> $4)) ORDER BY began DESC LIMIT 1"
            ))
            .bind(hex::encode(scope.as_bytes()))
            .bind(hex::encode(request.0))
            .bind(millis(since))
            .bind(&self.replica)
            .fetch_optional(&self.pool)
            .await?;
            row.as_ref().map(read).transpose()
        })
    }

    fn oldest_kept(
        &self,
        before: SystemTime,
        at_most: u32,
    ) -> BoxFuture<'_, Result<Vec<Row>, BoxError>> {
        Box::pin(async move {
            let rows = sqlx::query(rows_where!(
                "WHERE state = 'kept' AND ended < $1 ORDER BY ended LIMIT $2"
            ))
            .bind(millis(before))
            .bind(i64::from(at_most))
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(read).collect()
        })
    }

    fn forget(&self, before: SystemTime, at_most: u32) -> BoxFuture<'_, Result<u64, BoxError>> {
        Box::pin(async move {
            let mut both = self.pool.begin().await?;
            let rows = sqlx::query(FORGET)
                .bind(millis(before))
                .bind(i64::from(at_most))
                .fetch_all(&mut *both)
                .await?;
            let mut forgotten = Forgotten::default();
            for row in &rows {
                let (currency, possible) = (row.try_get(1)?, row.try_get(4)?);
                if let (Some(currency), Some(possible)) = (currency, possible) {
                    let cost = (row.try_get(3)?, possible);
                    forgotten.add(row.try_get(0)?, currency, row.try_get(2)?, cost);
                }
            }
            for ((caller, currency, day), (certain, possible)) in forgotten.0 {
                sqlx::query(
                    "INSERT INTO longhaul_forgotten (caller, currency, day, certain, possible) \
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (caller, currency, day) DO UPDATE SET \
                     certain = longhaul_forgotten.certain + excluded.certain, \
                     possible = longhaul_forgotten.possible + excluded.possible",
                )
                .bind(caller)
                .bind(currency)
                .bind(day)
                .bind(certain)
                .bind(possible)
                .execute(&mut *both)
                .await?;
            }
            both.commit().await?;
            Ok(u64::try_from(rows.len())?)
        })
    }

    fn kept_bytes(&self) -> BoxFuture<'_, Result<u64, BoxError>> {
        Box::pin(async move {
            let row = sqlx::query(
                "SELECT CAST(COALESCE(SUM(length), 0) AS BIGINT) FROM longhaul_operations WHERE state = 'kept'",
            )
            .fetch_one(&self.pool)
            .await?;
            Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
        })
    }

    fn spent<'a>(
        &'a self,
        caller: &'a str,
        currency: Currency,
        since: Option<SystemTime>,
    ) -> BoxFuture<'a, Result<(i64, i64), BoxError>> {
        Box::pin(async move {
            // PostgreSQL adds BIGINTs up to a NUMERIC.
            let row = sqlx::query(
                "SELECT CAST(COALESCE(SUM(certain), 0) AS BIGINT), CAST(COALESCE(SUM(possible), 0) AS BIGINT) FROM (\
                 SELECT certain, possible FROM longhaul_operations WHERE caller = $1 AND currency = $2 AND began >= $3 \
                 UNION ALL \
                 SELECT certain, possible FROM longhaul_forgotten WHERE caller = $1 AND currency = $2 AND day >= $3\
                 ) AS spent",
            )
            .bind(caller)
            .bind(currency.as_str())
            .bind(since.map_or(0, millis))
            .fetch_one(&self.pool)
            .await?;
            Ok((row.try_get(0)?, row.try_get(1)?))
        })
    }
}
