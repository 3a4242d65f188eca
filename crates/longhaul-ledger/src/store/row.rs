//! An entry as a row.

use std::time::{Duration, SystemTime};

use http::{StatusCode, Version};
use longhaul::{
    Class, Currency, End, Exposure, Money, OperationId, Outcome, Phase, Resolution,
    billing::{Closing, Opening, ProviderClock, Record},
    classify::{Evidence, Probability, RequestId},
};
use sqlx::{Any, Decode, Row as _, Type, any::AnyRow};
use uuid::Uuid;

use super::{EntryId, Stored, Table};
use crate::error::LedgerError;

/// What is known of an attempt before its first byte leaves.
pub(crate) const OPENING_COLUMNS: &str = "id, operation, attempt, opened_at, idempotency_key, provider, model, \
     resolution, images, price_micros, currency, host, path";

/// What is known at its end.
pub(crate) const CLOSING_COLUMNS: &str = "closed_at, ended, class, phase, duration_us, charged_per_mille, status, \
     http_version, flushed_us, head_us, at_least_us, at_most_us, request_ids, pictures, drafts, finish_reason, \
     block_reason, output_tokens, told_cost_micros, bytes";

/// Microseconds since 1970 in UTC; what lies beyond their range is held at its end.
pub(crate) fn day_micros(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => span_micros(since),
        Err(before) => -span_micros(before.duration()),
    }
}

/// The same moment.
pub(crate) fn time_of_day(micros: i64) -> SystemTime {
    let since = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 {
        SystemTime::UNIX_EPOCH - since
    } else {
        SystemTime::UNIX_EPOCH + since
    }
}

/// Microseconds.
pub(crate) fn span_micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// The entry in `row`, whose columns are those of `table`.
pub(crate) fn stored(row: &AnyRow, table: Table) -> Result<Stored, LedgerError> {
    let row = Columns(row);
    let mut record = Record::open(row.opening()?);
    if table == Table::Attempts {
        record.closing = Some(row.closing(record.opening.price)?);
    }
    Ok(Stored {
        id: EntryId(row.uuid("id")?),
        record,
    })
}

/// So much of the currency of that name, which stands in `column`.
pub(crate) fn money(column: &str, micros: i64, currency: &str) -> Result<Money, LedgerError> {
    let currency: Currency = currency
        .parse()
        .map_err(|error| LedgerError::row(column, error))?;
    Ok(Money { micros, currency })
}

struct Columns<'a>(&'a AnyRow);

impl Columns<'_> {
    fn get<'r, T>(&'r self, column: &str) -> Result<T, LedgerError>
    where
        T: Decode<'r, Any> + Type<Any>,
    {
        Ok(self.0.try_get(column)?)
    }

    fn uuid(&self, column: &str) -> Result<Uuid, LedgerError> {
        Uuid::from_slice(&self.get::<Vec<u8>>(column)?)
            .map_err(|error| LedgerError::row(column, error))
    }

    fn text<T>(&self, column: &str) -> Result<Option<T>, LedgerError>
    where
        T: From<String>,
    {
        Ok(self.get::<Option<String>>(column)?.map(T::from))
    }

    /// A number that is not negative, and fits.
    fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T, LedgerError> {
        let number: i64 = self.get(column)?;
        T::try_from(number)
            .map_err(|_| LedgerError::row(column, format!("{number} is out of range")))
    }

    fn span(&self, column: &str) -> Result<Option<Duration>, LedgerError> {
        let micros: Option<i64> = self.get(column)?;
        Ok(micros.map(|micros| Duration::from_micros(micros.unsigned_abs())))
    }

    fn named<T>(&self, column: &str, named: fn(&str) -> Option<T>) -> Result<T, LedgerError> {
        let name: String = self.get(column)?;
        named(&name).ok_or_else(|| LedgerError::row(column, format!("{name:?} is not known")))
    }

    fn price(&self) -> Result<Option<Money>, LedgerError> {
        let micros: Option<i64> = self.get("price_micros")?;
        let currency: Option<String> = self.get("currency")?;
        let (Some(micros), Some(currency)) = (micros, currency) else {
            return Ok(None);
        };
        money("currency", micros, &currency).map(Some)
    }

    fn opening(&self) -> Result<Opening, LedgerError> {
        let operation = OperationId::from_u128(self.uuid("operation")?.as_u128());
        let mut opening = Opening::new(operation, self.count("attempt")?);
        opening.opened_at = time_of_day(self.get("opened_at")?);
        opening.idempotency_key = self.text("idempotency_key")?;
        opening.provider = self.text("provider")?;
        opening.model = self.text("model")?;
        opening.resolution = self.named("resolution", Resolution::named)?;
        opening.images = self.count("images")?;
        opening.price = self.price()?;
        opening.host = self.text("host")?;
        opening.path = self.get::<String>("path")?.into();
        Ok(opening)
    }

    fn closing(&self, price: Option<Money>) -> Result<Closing, LedgerError> {
        let outcome = Outcome::new(
            self.named("ended", End::named)?,
            self.named("class", Class::named)?,
            match self.get::<Option<String>>("phase")? {
                Some(_) => self.named("phase", Phase::named)?,
                None => Phase::Unknown,
            },
            self.span("duration_us")?.unwrap_or_default(),
            Exposure {
                probability: Probability::per_mille(self.count("charged_per_mille")?),
                price,
            },
        );
        let mut closing = Closing::new(outcome);
        closing.closed_at = time_of_day(self.get("closed_at")?);
        closing.status = self.status()?;
        closing.http_version = self.http_version()?;
        closing.flushed = self.span("flushed_us")?;
        closing.head = self.span("head_us")?;
        closing.provider_clock = match (self.span("at_least_us")?, self.span("at_most_us")?) {
            (Some(at_least), Some(at_most)) => Some(ProviderClock { at_least, at_most }),
            _ => None,
        };
        closing.evidence = self.evidence()?;
        Ok(closing)
    }

    fn status(&self) -> Result<Option<StatusCode>, LedgerError> {
        let Some(number) = self.get::<Option<i64>>("status")? else {
            return Ok(None);
        };
        u16::try_from(number)
            .ok()
            .and_then(|number| StatusCode::from_u16(number).ok())
            .map(Some)
            .ok_or_else(|| LedgerError::row("status", format!("{number} is no status")))
    }

    fn http_version(&self) -> Result<Option<Version>, LedgerError> {
        let Some(text) = self.get::<Option<String>>("http_version")? else {
            return Ok(None);
        };
        http_version(&text)
            .map(Some)
            .ok_or_else(|| LedgerError::row("http_version", format!("{text:?} is not known")))
    }

    fn evidence(&self) -> Result<Evidence, LedgerError> {
        let mut evidence = Evidence::default();
        if let Some(ids) = self.get::<Option<String>>("request_ids")? {
            let ids: Vec<(String, String)> = serde_json::from_str(&ids)
                .map_err(|error| LedgerError::row("request_ids", error))?;
            let ids = ids
                .iter()
                .filter_map(|(from, id)| RequestId::found(from, id));
            evidence.request_ids.extend(ids);
        }
        evidence.images = self.count("pictures")?;
        evidence.drafts = self.count("drafts")?;
        evidence.finish_reason = self.text("finish_reason")?;
        evidence.block_reason = self.text("block_reason")?;
        let tokens: Option<i64> = self.get("output_tokens")?;
        evidence.output_tokens = tokens.map(i64::unsigned_abs);
        evidence.cost_micros = self.get("told_cost_micros")?;
        evidence.bytes = self.count("bytes")?;
        Ok(evidence)
    }
}

/// The version that is written on the wire as `text`.
fn http_version(text: &str) -> Option<Version> {
    const KNOWN: [Version; 5] = [
        Version::HTTP_09,
        Version::HTTP_10,
        Version::HTTP_11,
        Version::HTTP_2,
        Version::HTTP_3,
    ];
    KNOWN
        .into_iter()
        .find(|version| format!("{version:?}") == text)
}
