//! The ledger's attempts, one after the other, with what matching needs of them.

use std::{ops::Range, sync::Arc, time::SystemTime};

use futures_util::{Stream, TryStreamExt, stream};
use longhaul::{Class, Currency, Money, OperationId};
use sqlx::{Arguments as _, AssertSqlSafe, Decode, Row as _, Type, any::AnyRow};
use uuid::Uuid;

use super::verdict::Verdict;
use crate::{
    error::LedgerError,
    store::{Arguments, EntryId, Store, first_id_at, time_of_day},
};

/// One attempt. Times and spans are microseconds on our clock.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) entry: EntryId,
    pub(super) operation: OperationId,
    pub(super) number: u32,
    pub(super) model: Option<Arc<str>>,
    pub(super) price: Option<Money>,
    pub(super) opened_at: i64,
    /// What the ledger knows of its end; nothing while it runs.
    pub(super) end: Option<Ended>,
    /// Ids that its answer carried, each with the place where it stood.
    pub(super) ids: Vec<(String, String)>,
    /// What an earlier log said.
    pub(super) verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) class: Class,
    pub(super) closed_at: i64,
    /// How likely it was charged, before any log said so.
    pub(super) per_mille: u16,
    pub(super) flushed: Option<i64>,
    /// Bounds for the provider's clock, if the provider itself answered.
    pub(super) bounds: Option<(i64, i64)>,
}

impl Attempt {
    pub(super) fn opened(&self) -> SystemTime {
        time_of_day(self.opened_at)
    }

    /// In thousandths, if anything is known of its end.
    pub(super) fn per_mille(&self) -> Option<u16> {
        self.end.map(|end| end.per_mille)
    }
}

const OPENING: &str =
    "a.id, a.operation, a.attempt, a.opened_at, a.model, a.price_micros, a.currency";
const ENDING: &str = "a.class, a.duration_us, a.charged_per_mille, a.flushed_us, a.at_least_us, a.at_most_us, \
     a.request_ids";
const VERDICT: &str = "v.charged_micros, v.credited_micros, v.currency AS verdict_currency, v.log_id, \
     v.duration_us AS verdict_duration_us, v.basis";

/// Those of `provider` that were opened in this time, and those that still run.
pub(super) fn of<'a>(
    store: &'a Store,
    provider: &str,
    opened: Range<SystemTime>,
) -> impl Stream<Item = Result<Attempt, LedgerError>> + Send + 'a {
    let ended = format!("SELECT {OPENING}, {ENDING}, {VERDICT} FROM attempts a");
    let running = format!("SELECT {OPENING}, {VERDICT} FROM running a");
    let rows = [(ended, true), (running, false)].map(|(select, ended)| {
        let statement = format!(
            "{select} LEFT JOIN verdicts v ON v.entry = a.id \
             WHERE a.provider = $1 AND a.id >= $2 AND a.id < $3 ORDER BY a.id"
        );
        let arguments = (|| {
            let mut arguments = Arguments::default();
            arguments.add(provider.to_owned())?;
            arguments.add(first_id_at(opened.start))?;
            arguments.add(first_id_at(opened.end))?;
            Ok(arguments)
        })()
        .map_err(|error| LedgerError::from(sqlx::Error::Encode(error)));
        stream::once(std::future::ready(arguments)).map_ok(move |arguments| {
            sqlx::query_with(AssertSqlSafe(statement.clone()), arguments)
                .fetch(store.pool())
                .map_err(LedgerError::from)
                .and_then(move |row| std::future::ready(read(&row, ended)))
        })
    });
    let [ended, running] = rows.map(TryStreamExt::try_flatten);
    stream::StreamExt::chain(ended, running)
}

/// The attempt that an earlier log's row of this name belongs to.
pub(super) async fn of_log_id(
    store: &Store,
    provider: &str,
    log_id: &str,
) -> Result<Option<Attempt>, LedgerError> {
    let statement = format!(
        "SELECT {OPENING}, {ENDING}, {VERDICT} FROM verdicts v JOIN attempts a ON a.id = v.entry \
         WHERE v.log_id = $1 AND a.provider = $2 ORDER BY a.id LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(statement))
        .bind(log_id.to_owned())
        .bind(provider.to_owned())
        .fetch_optional(store.pool())
        .await?;
    row.map(|row| read(&row, true)).transpose()
}

fn get<'r, T>(row: &'r AnyRow, column: &str) -> Result<T, LedgerError>
where
    T: Decode<'r, sqlx::Any> + Type<sqlx::Any>,
{
    Ok(row.try_get(column)?)
}

fn uuid(row: &AnyRow, column: &str) -> Result<Uuid, LedgerError> {
    Uuid::from_slice(&get::<Vec<u8>>(row, column)?).map_err(|error| LedgerError::row(column, error))
}

fn money(row: &AnyRow, micros: &str, currency: &str) -> Result<Option<Money>, LedgerError> {
    let (Some(micros), Some(code)) = (
        get::<Option<i64>>(row, micros)?,
        get::<Option<String>>(row, currency)?,
    ) else {
        return Ok(None);
    };
    let code: Currency = code
        .parse()
        .map_err(|error| LedgerError::row(currency, error))?;
    Ok(Some(Money {
        micros,
        currency: code,
    }))
}

fn read(row: &AnyRow, ended: bool) -> Result<Attempt, LedgerError> {
    let number: i64 = get(row, "attempt")?;
    let opened_at = get(row, "opened_at")?;
    let ids: Option<String> = if ended {
        get(row, "request_ids")?
    } else {
        None
    };
    let ids = ids.map_or_else(|| Ok(Vec::new()), |ids| serde_json::from_str(&ids));
    Ok(Attempt {
        entry: EntryId(uuid(row, "id")?),
        operation: OperationId::from_u128(uuid(row, "operation")?.as_u128()),
        number: u32::try_from(number)
            .map_err(|_| LedgerError::row("attempt", format!("{number} is out of range")))?,
        model: get::<Option<String>>(row, "model")?.map(Into::into),
        price: money(row, "price_micros", "currency")?,
        opened_at,
        end: if ended {
            Some(end(row, opened_at)?)
        } else {
            None
        },
        ids: ids.map_err(|error| LedgerError::row("request_ids", error))?,
        verdict: verdict(row)?,
    })
}

fn end(row: &AnyRow, opened_at: i64) -> Result<Ended, LedgerError> {
    let class: String = get(row, "class")?;
    let per_mille: i64 = get(row, "charged_per_mille")?;
    let duration: i64 = get(row, "duration_us")?;
    let at_least: Option<i64> = get(row, "at_least_us")?;
    let class = Class::named(&class)
        .ok_or_else(|| LedgerError::row("class", format!("{class:?} is not known")))?;
    let bounds = at_least.zip(get(row, "at_most_us")?);
    Ok(Ended {
        class,
        closed_at: opened_at.saturating_add(duration),
        per_mille: u16::try_from(per_mille).map_err(|_| {
            LedgerError::row("charged_per_mille", format!("{per_mille} is out of range"))
        })?,
        flushed: get(row, "flushed_us")?,
        // Of a call that something on the way answered, the work went on.
        bounds: bounds.filter(|_| class != Class::IntermediaryCut),
    })
}

fn verdict(row: &AnyRow) -> Result<Option<Verdict>, LedgerError> {
    let Some(charged) = money(row, "charged_micros", "verdict_currency")? else {
        return Ok(None);
    };
    let credited_micros: Option<i64> = get(row, "credited_micros")?;
    let basis: Option<String> = get(row, "basis")?;
    Ok(Some(Verdict {
        charged,
        credited_micros: credited_micros.unwrap_or_default(),
        log_id: get::<Option<String>>(row, "log_id")?.map(Into::into),
        duration_us: get(row, "verdict_duration_us")?,
        basis: basis.as_deref().and_then(super::Basis::named),
    }))
}
