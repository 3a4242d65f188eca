//! `report`: what was paid for.
//!
//! Without a time it is about this month. The totals stand below the rows and in JSON beside them, so that nobody adds
//! up several currencies.

use clap::ValueEnum;
use jiff::Timestamp;
use longhaul::{Class, Currency, Money};
use longhaul_ledger::{
    Period, local_time,
    report::{By, Report, Row},
};
use serde::Serialize;

use super::{
    Common, Ending, Failure, Output, Selection,
    empty::say_empty,
    output::say,
    selection,
    table::{self, Column},
};

#[derive(Debug, clap::Args)]
pub(crate) struct ReportOptions {
    #[command(flatten)]
    selection: Selection,
    /// Ended with this meaning, e.g. Undelivered
    #[arg(long, value_name = "CLASS", value_parser = selection::class)]
    class: Option<Class>,
    /// What rows are told apart by; the currency always is
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Split::value_variants())]
    by: Vec<Split>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Split {
    Day,
    Provider,
    Model,
    Resolution,
}

impl From<Split> for By {
    fn from(column: Split) -> Self {
        match column {
            Split::Day => Self::Day,
            Split::Provider => Self::Provider,
            Split::Model => Self::Model,
            Split::Resolution => Self::Resolution,
        }
    }
}

/// As JSON.
#[derive(Serialize)]
struct ReportDocument<'a> {
    from: String,
    until: String,
    rows: &'a [Row],
    totals: &'a [Row],
    running: &'a longhaul_ledger::report::Running,
}

pub(crate) async fn run(common: &Common, options: &ReportOptions) -> Result<Ending, Failure> {
    let period = match options.selection.period(common)? {
        Some(period) => period,
        None => {
            let today = common.zone().to_datetime(Timestamp::now()).date();
            Period::month_of(today, common.zone())?
        }
    };
    let mut filter = options.selection.filter(common)?;
    filter.class = options.class;
    let store = common.reader().await?;
    let report = store.report(&period, &filter).await?;
    let by: Vec<By> = options.by.iter().copied().map(By::from).collect();
    let (rows, totals) = (report.by(&by), report.by(&[]));
    let mut output = Output::new();
    if common.json() {
        let range = period.range();
        output.json(&ReportDocument {
            from: local_time(range.start, period.zone()),
            until: local_time(range.end, period.zone()),
            rows: &rows,
            totals: &totals,
            running: &report.running,
        })?;
    } else {
        table(&mut output, &by, &rows, &totals)?;
    }
    output.end()?;
    if report.unread > 0 {
        say(format_args!(
            "{} attempts of resolutions or currencies that are not understood are in no row",
            report.unread
        ));
    }
    say_running(&report);
    if report.is_empty() {
        let month = local_time(period.range().start, period.zone());
        let month = format!("in {}", month.get(..7).unwrap_or_default());
        say_empty(common, &store, &options.selection, "attempts", Some(&month)).await?;
    }
    Ok(Ending::of(!report.is_empty()))
}

const FIGURES: [Column; 11] = [
    table::number("operations", 60),
    table::number("attempts", 110),
    table::number("delivered", 120),
    table::number("charged", 130),
    table::number("exposed", 80),
    table::number("expected", 90),
    table::number("drafts", 50),
    table::number("wasted", 125),
    table::number("credited", 85),
    table::number("waste", 70),
    table::number("unpriced", 65),
];

/// Columns stand in the order of [`By::ALL`], in whatever order they were asked for.
fn table(output: &mut Output, by: &[By], rows: &[Row], totals: &[Row]) -> std::io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let shown: Vec<By> = By::ALL
        .into_iter()
        .filter(|column| by.contains(column))
        .collect();
    let mut columns: Vec<_> = shown
        .iter()
        .map(|column| table::text(column.name(), 200))
        .collect();
    columns.push(table::text("currency", 201));
    columns.extend(FIGURES);
    let sums = totals.iter().map(|total| {
        let mut cells = vec![String::new(); shown.len()];
        if let Some(first) = cells.first_mut() {
            *first = "total".to_owned();
        }
        cells.extend(figures(total));
        cells
    });
    // Where nothing is told apart the rows are the totals.
    let sums: Vec<_> = sums.filter(|_| !shown.is_empty()).collect();
    let rows = rows.iter().map(|row| {
        let mut cells: Vec<_> = shown.iter().map(|column| cell(row, *column)).collect();
        cells.extend(figures(row));
        cells
    });
    let mut table = output.table(&columns);
    table.rows(rows.chain(sums))?;
    table.end()
}

fn cell(row: &Row, column: By) -> String {
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    match column {
        By::Day => row.day.map_or_else(String::new, |day| day.to_string()),
        By::Provider => or_none(row.provider.as_deref()),
        By::Model => or_none(row.model.as_deref()),
        By::Resolution => or_none(row.resolution.map(|resolution| resolution.name())),
        _ => String::new(),
    }
}

/// The currency and the figures.
///
/// In the order of [`FIGURES`], behind the currency.
fn figures(row: &Row) -> Vec<String> {
    let figures = &row.figures;
    let amount = |micros| amount(micros, row.currency);
    vec![
        row.currency
            .map_or_else(|| "-".to_owned(), |currency| currency.to_string()),
        figures.operations.to_string(),
        figures.attempts.to_string(),
        figures.delivered.to_string(),
        amount(figures.certain_micros),
        amount(figures.possible_micros),
        amount(figures.expected_micros),
        amount(figures.drafts_micros),
        amount(figures.wasted_micros),
        amount(figures.credited_micros),
        figures
            .waste_ratio()
            .map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0)),
        figures.unpriced.to_string(),
    ]
}

/// Without the currency, which has a column of its own.
///
/// `-` where no currency is known: such a row has no amount.
pub(super) fn amount(micros: i128, currency: Option<Currency>) -> String {
    let Some(currency) = currency else {
        return "-".to_owned();
    };
    // A sum may be more than one amount can.
    let Ok(micros) = i64::try_from(micros) else {
        return format!("{}.{:06}", micros / 1_000_000, (micros % 1_000_000).abs());
    };
    let text = Money { micros, currency }.to_string();
    text.split_once(' ')
        .map_or(text.clone(), |(number, _)| number.to_owned())
}

/// On stderr, since it is no figure of the month yet.
fn say_running(report: &Report) {
    let running = &report.running;
    if running.attempts == 0 {
        return;
    }
    let mut parts: Vec<_> = running
        .possible_micros
        .iter()
        .map(|(currency, micros)| format!("{} {currency}", amount(*micros, Some(*currency))))
        .collect();
    if running.unpriced > 0 {
        parts.push(format!("{} without a known price", running.unpriced));
    }
    say(format_args!(
        "{} attempts have not ended and are in no row; they may cost {}",
        running.attempts,
        parts.join(" and ")
    ));
}
