//! `reconcile`: the ledger beside a provider's own log.

use std::{fs, path::PathBuf, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::tz::TimeZone;
use longhaul::{Currency, Money, billing::ChargeRules, policy::Policy};
use longhaul_ledger::{
    Period, local_time,
    reconcile::{
        self, ColumnMap, Coverage, Finding, Format, NewApi, ProviderLog, Reconciliation, RowRef,
    },
};

use super::{Common, Ending, Failure, Output};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and log and ledger agree
  1  it failed; stderr says why, and nothing was written
  2  the arguments or the map are wrong
  3  done, and log and ledger differ

Rows that stand in the files twice and verdicts that are corrected are listed, and are no difference.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Options {
    /// The log: every page of one query, in any order, in one file or in several
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Whose log it is, as the ledger calls it
    #[arg(long, value_name = "NAME")]
    provider: String,
    /// How it is written: JSON of New-API's /api/log/self, or CSV
    #[arg(long, value_enum, default_value = "new-api")]
    format: Kind,
    /// Which column of the CSV is what: a TOML file
    #[arg(long, value_name = "FILE", required_if_eq("format", "csv"))]
    map: Option<PathBuf>,
    /// So many of New-API's quota units are one unit of the currency
    #[arg(long, value_name = "NUMBER", default_value_t = NewApi::default().quota_per_unit)]
    quota_per_unit: u64,
    /// The currency of New-API's quota
    #[arg(long, value_name = "CODE", default_value_t = NewApi::default().currency)]
    currency: Currency,
    /// The log was asked for this month, on the provider's clock; by default it covers what lies between its rows
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "until"])]
    month: Option<String>,
    /// The log was asked for from then on
    #[arg(long, value_name = "TIME", requires = "until")]
    from: Option<String>,
    /// The log was asked for until then
    #[arg(long, value_name = "TIME", requires = "from")]
    until: Option<String>,
    /// The files are a part of the log: a call without a row says nothing
    #[arg(long, conflicts_with = "whole")]
    partial: bool,
    /// The files are the whole log, though they do not say so
    #[arg(long)]
    whole: bool,
    /// How long after a call its row may still come
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    settle: Duration,
    /// The provider's clock minus ours, e.g. -80s; by default estimated from calls whose request id is known
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = skew)]
    skew: Option<i64>,
    /// How far starts may differ where no request id joins row and attempt
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    tolerance: Duration,
    /// Report calls that took longer than this on the provider's clock
    #[arg(long, value_name = "TIME", default_value = "180s", value_parser = humantime::parse_duration)]
    over: Duration,
    /// The policy whose priors are estimated anew; by default the built-in ones are
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Write the estimated priors to this file, as a policy takes them
    #[arg(long, value_name = "FILE")]
    priors: Option<PathBuf>,
    /// Leave the ledger as it is
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    NewApi,
    Csv,
}

pub(crate) async fn run(common: &Common, options: &Options) -> Result<Ending, Failure> {
    let store = common.store().await?;
    let matching = options.matching(common)?;
    let mut log = ProviderLog::new(options.format()?);
    for path in &options.files {
        let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        let bar = bar(file.metadata().map_or(0, |about| about.len()));
        log.add(&path.display().to_string(), bar.wrap_read(file))?;
        bar.finish_and_clear();
    }
    let spinner = ProgressBar::new_spinner().with_message("attempts");
    let found = reconcile::reconcile(&store, log, &matching, |attempts| {
        spinner.set_message(format!("{attempts} attempts"));
    })
    .await?;
    spinner.finish_and_clear();
    if let Some(path) = &options.priors {
        fs::write(path, found.priors_toml()).map_err(|error| {
            Failure::usage(format!("{} cannot be written: {error}", path.display()))
        })?;
    }
    let mut output = Output::new();
    if common.json() {
        output.json(&found)?;
    } else {
        print(&mut output, &found, &common.zone())?;
        if options.priors.is_none() && !found.priors.is_empty() {
            output.line(format_args!("\n{}", found.priors_toml().trim_end()))?;
        }
    }
    output.end()?;
    Ok(Ending::of(found.findings.is_empty()))
}

fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be read: {error}", path.display()))
}

/// Shown where stderr is a terminal.
fn bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Options {
    fn format(&self) -> Result<Format, Failure> {
        match (self.format, &self.map) {
            (Kind::NewApi, None) => {
                if self.quota_per_unit == 0 {
                    return Err(Failure::usage("--quota-per-unit must not be zero"));
                }
                let mut new_api = NewApi::default();
                new_api.quota_per_unit = self.quota_per_unit;
                new_api.currency = self.currency;
                Ok(Format::NewApi(new_api))
            }
            (Kind::NewApi, Some(_)) => Err(Failure::usage("--map is for --format csv")),
            (Kind::Csv, map) => {
                let path = map.clone().unwrap_or_default();
                let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
                let map = ColumnMap::from_toml(&path.display().to_string(), &text)
                    .map_err(|error| Failure::usage(error.to_string()))?;
                Ok(Format::Csv(map.into()))
            }
        }
    }

    fn matching(&self, common: &Common) -> Result<reconcile::Options, Failure> {
        let mut options = reconcile::Options::of(&*self.provider);
        options.coverage = match (self.partial, self.whole) {
            (true, _) => Coverage::Part,
            (_, true) => Coverage::Whole,
            _ => Coverage::AsTold,
        };
        let covers = Period::asked(
            self.month.as_deref(),
            self.from.as_deref(),
            self.until.as_deref(),
            &common.zone(),
        )?;
        options.covers = covers.as_ref().map(Period::range);
        options.settle = self.settle;
        options.skew_us = self.skew;
        options.tolerance = self.tolerance;
        options.over = Some(self.over);
        options.dry_run = self.dry_run;
        if let Some(path) = &self.policy {
            let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            let wrong = |error| Failure::usage(format!("{}: {error}", path.display()));
            let policy = Policy::from_toml(&text).map_err(wrong)?;
            options.priors = Some(ChargeRules::new(policy.billing.charge_rules).map_err(wrong)?);
        }
        Ok(options)
    }
}

/// A span with a sign, in microseconds.
fn skew(text: &str) -> Result<i64, String> {
    let (sign, span) = match text.strip_prefix('-') {
        Some(span) => (-1, span),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let span = humantime::parse_duration(span).map_err(|error| error.to_string())?;
    i64::try_from(span.as_micros())
        .map(|micros| sign * micros)
        .map_err(|_| format!("{text} is too long"))
}

fn print(output: &mut Output, found: &Reconciliation, zone: &TimeZone) -> std::io::Result<()> {
    let counts = found.counts;
    let mut summary = vec![
        ("rows of the log", counts.rows),
        ("  that charge", counts.charges),
        ("  that give back", counts.credits),
        ("  in the files once more", found.duplicates.len() as u64),
        ("attempts", counts.attempts),
        ("  joined by request id", counts.by_request_id),
        ("  joined by time and model", counts.by_time),
        ("  of one amount, together", counts.by_group),
        ("  without a row: not charged", counts.absent),
        ("  without a row: not yet known", counts.pending),
        ("verdicts, new", counts.new),
        ("  corrected", counts.corrected),
        ("  unchanged", counts.unchanged),
        ("discrepancies", found.findings.len() as u64),
    ];
    summary.retain(|(name, count)| *count > 0 || !name.starts_with(' '));
    let mut rows: Vec<_> = summary
        .into_iter()
        .map(|(name, count)| vec![name.to_owned(), count.to_string()])
        .collect();
    for (currency, sums) in &found.amounts {
        let sums = [
            ("charged by the log", sums.charged),
            ("  given back", sums.credited),
            ("  without an attempt", sums.without_attempt),
            ("expected of attempts with a verdict", sums.expected),
            ("  found for them", sums.found),
            ("possible, and without a row", sums.without_row),
            ("possible, and not yet known", sums.pending),
        ];
        rows.extend(
            sums.into_iter()
                .filter(|(_, micros)| *micros != 0)
                .map(|(name, micros)| {
                    let amount = currency.parse().map_or_else(
                        |_| micros.to_string(),
                        |currency| Money { micros, currency }.to_string(),
                    );
                    vec![name.to_owned(), amount]
                }),
        );
    }
    let skew = found.skew_us as f64 / 1e6;
    if found.skew_us != 0 {
        rows.push(vec![
            "the provider's clock minus ours".to_owned(),
            format!("{skew:.1} s"),
        ]);
    }
    output.table(&[&found.provider, ""], 1, rows)?;
    if !found.whole {
        output
            .line("The log is perhaps a part of the whole: that a call has no row says nothing.")?;
    }
    if found.dry_run {
        output.line("The ledger was left as it is.")?;
    }
    if !found.findings.is_empty() {
        output.line("")?;
        let header = [
            "discrepancy",
            "at",
            "operation or row",
            "class",
            "took",
            "amount",
        ];
        output.table(
            &header,
            4,
            found.findings.iter().map(|finding| cells(finding, zone)),
        )?;
    }
    if !found.duplicates.is_empty() {
        output.line("")?;
        let rows = found.duplicates.iter().map(|row| {
            vec![
                place(row),
                row.name.as_deref().unwrap_or_default().to_owned(),
                row.amount.to_string(),
            ]
        });
        output.table(&["counted once", "row", "amount"], 2, rows)?;
    }
    if !found.corrections.is_empty() {
        output.line("")?;
        let rows = found.corrections.iter().map(|correction| {
            vec![
                correction.entry.to_string(),
                correction.before.net().to_string(),
                correction.after.net().to_string(),
            ]
        });
        output.table(&["corrected entry", "before", "now"], 1, rows)?;
    }
    Ok(())
}

fn place(row: &RowRef) -> String {
    match row.line {
        0 => row.file.clone(),
        line => format!("{}, line {line}", row.file),
    }
}

fn cells(finding: &Finding, zone: &TimeZone) -> Vec<String> {
    let first = finding.attempts.first();
    let row = finding.rows.first();
    let at = first
        .map(|attempt| attempt.opened_at)
        .or(row.map(|row| row.at));
    let what = match (&finding.attempts[..], row) {
        ([attempt], _) => format!("{} attempt {}", attempt.operation, attempt.attempt),
        ([], Some(row)) => row
            .name
            .as_deref()
            .map_or_else(|| place(row), |name| format!("row {name}")),
        (attempts, _) => format!("{} attempts, {} rows", attempts.len(), finding.rows.len()),
    };
    let took = row.and_then(|row| row.duration_us);
    vec![
        finding.kind.to_string(),
        at.map(|at| local_time(at, zone)).unwrap_or_default(),
        what,
        first
            .and_then(|attempt| attempt.class)
            .map(|class| class.to_string())
            .unwrap_or_default(),
        took.map(|micros| format!("{:.1} s", micros as f64 / 1e6))
            .unwrap_or_default(),
        finding
            .amount
            .map_or_else(|| "unknown".to_owned(), |amount| amount.to_string()),
    ]
}
