//! `list`: the attempts, one a line.
//!
//! Rows are shown as they are read, a thousand at a time: a ledger of any length takes the same memory
//! (`tests/cli/memory.rs`). Entries that are not understood stand among the others, in their place in time, with their
//! words as they are.

use futures_util::TryStreamExt as _;
use longhaul::Class;
use longhaul_ledger::{Filter, Scanned, Store, Stored, Unread, local_time};

use super::{
    Common, Ending, Failure, Output, Selection,
    empty::say_empty,
    output::say,
    selection,
    table::{Column, number, text},
};

#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    selection: Selection,
    /// Ended with this meaning, e.g. Undelivered
    #[arg(long, value_name = "CLASS", value_parser = selection::class)]
    class: Option<Class>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: u32,
}

/// As many entries as the limit allows are most likely not all, and that is said.
pub(crate) async fn run(common: &Common, options: &ListOptions) -> Result<Ending, Failure> {
    let mut filter = options.selection.filter(common)?;
    filter.class = options.class;
    filter.limit = Some(options.limit);
    let store = common.reader().await?;
    let found = scan(common, &store, &filter).await?;
    if found == 0 {
        say_empty(common, &store, &options.selection, "attempts", None).await?;
    } else if found == u64::from(options.limit) {
        say(format_args!("the first {found}; more with --limit"));
    }
    Ok(Ending::of(found > 0))
}

const COLUMNS: [Column; 10] = [
    text("opened", 200),
    text("operation", 60),
    text("provider", 90),
    text("model", 100),
    text("resolution", 50),
    text("ended", 70),
    text("class", 201),
    number("attempt", 80),
    number("seconds", 75),
    number("price", 110),
];

/// Shows the attempts as they come, as JSON or as a table; how many there were.
///
/// `show` uses it too: a list of one operation.
pub(super) async fn scan(common: &Common, store: &Store, filter: &Filter) -> Result<u64, Failure> {
    let mut output = Output::new();
    let (mut found, mut unread) = (0, 0);
    let mut rows = store.scan(filter);
    let zone = common.zone();
    let mut unread_too = |row: &Unread| {
        unread += 1;
        if unread <= SAID {
            say(row);
        }
    };
    if common.json() {
        while let Some(row) = rows.try_next().await? {
            found += 1;
            if let Scanned::Unread(row) = &row {
                unread_too(row);
            }
            output.json(&row)?;
        }
    } else {
        let mut table = output.table(&COLUMNS);
        while let Some(row) = rows.try_next().await? {
            found += 1;
            match &row {
                Scanned::Stored(stored) => table.row(cells(stored, &zone))?,
                Scanned::Unread(row) => {
                    unread_too(row);
                    table.row(as_they_are(row, &zone))?;
                }
                _ => {}
            }
        }
        table.end()?;
    }
    output.end()?;
    if unread > SAID {
        say(format_args!("{unread} entries are not understood"));
    }
    Ok(found)
}

/// More than so many that are not understood are only counted.
const SAID: u64 = 10;

/// Shows these attempts.
pub(super) fn write(common: &Common, found: &[Stored]) -> std::io::Result<()> {
    let mut output = Output::new();
    if common.json() {
        for stored in found {
            output.json(stored)?;
        }
    } else {
        let zone = common.zone();
        let mut table = output.table(&COLUMNS);
        table.rows(found.iter().map(|stored| cells(stored, &zone)))?;
        table.end()?;
    }
    output.end()
}

/// In the order of [`COLUMNS`].
fn cells(stored: &Stored, zone: &jiff::tz::TimeZone) -> Vec<String> {
    let opening = &stored.record.opening;
    let (ended, class, seconds) = match &stored.record.closing {
        Some(closing) => (
            closing.outcome.end.name(),
            closing.outcome.class.name(),
            format!("{:.1}", closing.outcome.duration.as_secs_f64()),
        ),
        None => ("runs", "", String::new()),
    };
    // With what drafts cost besides.
    let price = match &stored.record.closing {
        Some(closing) => closing.outcome.exposure.price,
        None => opening.price,
    };
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    vec![
        local_time(opening.opened_at, zone),
        opening.operation.to_string(),
        or_none(opening.provider.as_deref()),
        or_none(opening.model.as_deref()),
        opening.resolution.name().to_owned(),
        ended.to_owned(),
        class.to_owned(),
        opening.attempt.to_string(),
        seconds,
        price.map_or_else(|| "unknown".to_owned(), |price| price.to_string()),
    ]
}

/// The words and numbers of an entry that is not understood.
///
/// What can be read is written as in other rows, so that one wrong cell does not make the rest unreadable.
fn as_they_are(unread: &Unread, zone: &jiff::tz::TimeZone) -> Vec<String> {
    let cell = |name: &str| unread.cell(name).unwrap_or_default().to_owned();
    let number = |name: &str| -> Option<i64> { unread.cell(name)?.parse().ok() };
    let opened = number("opened_at")
        .and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok())
        .and_then(|time| std::time::SystemTime::try_from(time).ok());
    let operation = cell("operation");
    let operation = uuid::Uuid::try_parse(&operation).map_or(operation, |id| id.to_string());
    let seconds = number("duration_us").map(|micros| format!("{:.1}", micros as f64 / 1e6));
    vec![
        opened.map_or_else(|| cell("opened_at"), |time| local_time(time, zone)),
        operation,
        cell("provider"),
        cell("model"),
        cell("resolution"),
        cell("ended"),
        cell("class"),
        cell("attempt"),
        seconds.unwrap_or_default(),
        match (number("price_micros"), unread.cell("currency")) {
            (Some(micros), Some(currency)) => {
                let currency = currency.parse().ok();
                currency.map_or_else(
                    || cell("price_micros"),
                    |currency| longhaul::Money { micros, currency }.to_string(),
                )
            }
            _ => "unknown".to_owned(),
        },
    ]
}
