//! `list`: the attempts, one a line.

use longhaul::Class;
use longhaul_ledger::Stored;

use super::{Common, Ending, Failure, Output, Selection, selection};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    selection: Selection,
    /// Ended with this meaning, e.g. Undelivered
    #[arg(long, value_name = "CLASS", value_parser = selection::class)]
    class: Option<Class>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: u32,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<Ending, Failure> {
    let mut filter = options.selection.filter(common)?;
    filter.class = options.class;
    filter.limit = Some(options.limit);
    let found = common.store().await?.records(&filter).await?;
    write(common, &found)?;
    if found.len() == options.limit as usize {
        eprintln!("the first {}; more with --limit", found.len());
    }
    Ok(Ending::of(!found.is_empty()))
}

const HEADER: [&str; 10] = [
    "opened",
    "operation",
    "provider",
    "model",
    "resolution",
    "ended",
    "class",
    "attempt",
    "seconds",
    "price",
];

/// The attempts as JSON, or as a table.
pub(super) fn write(common: &Common, found: &[Stored]) -> Result<(), Failure> {
    let mut output = Output::new();
    if common.json() {
        for stored in found {
            output.json(stored)?;
        }
    } else if !found.is_empty() {
        let zone = common.zone();
        let rows = found.iter().map(|stored| row(stored, &zone));
        output.table(&HEADER, 7, rows)?;
    }
    Ok(output.end()?)
}

fn row(stored: &Stored, zone: &jiff::tz::TimeZone) -> Vec<String> {
    let opening = &stored.record.opening;
    let (ended, class, seconds) = match &stored.record.closing {
        Some(closing) => (
            closing.outcome.end.name(),
            closing.outcome.class.name(),
            format!("{:.1}", closing.outcome.duration.as_secs_f64()),
        ),
        None => ("runs", "", String::new()),
    };
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    vec![
        longhaul_ledger::local_time(opening.opened_at, zone),
        opening.operation.to_string(),
        or_none(opening.provider.as_deref()),
        or_none(opening.model.as_deref()),
        opening.resolution.name().to_owned(),
        ended.to_owned(),
        class.to_owned(),
        opening.attempt.to_string(),
        seconds,
        opening
            .price
            .map_or_else(|| "unknown".to_owned(), |price| price.to_string()),
    ]
}
