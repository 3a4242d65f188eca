//! `reconcile`: the ledger beside a provider's own log.
//!
//! What can fail comes before what lasts: files are read, the log is matched, the report is shown, the file of priors
//! is written beside its place. Only then are verdicts written. So a report that nobody could read leaves the ledger as
//! it was.

mod print;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use longhaul::{Currency, billing::ChargeRules, policy::Policy};
use longhaul_ledger::{
    Period,
    reconcile::{self, ColumnMap, Coverage, LogFormat, NewApi, ProviderLog, Reconciliation},
};
use tempfile::NamedTempFile;

use self::print::print;
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
pub(crate) struct ReconcileOptions {
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
    /// The policy whose charge rules are estimated anew; by default the built-in ones are
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Write the estimated charge rules to this file, as a policy takes them
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

/// The one thing behind the commit is to give the file of priors its name; where that fails the verdicts stand, and the
/// failure says so.
pub(crate) async fn run(common: &Common, options: &ReconcileOptions) -> Result<Ending, Failure> {
    let store = if options.dry_run {
        common.reader().await?
    } else {
        common.writer().await?
    };
    let matching = options.matching(common)?;
    let mut log = ProviderLog::new(options.format()?);
    for path in &options.files {
        let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        let bar = bar(file.metadata().map_or(0, |about| about.len()));
        log.add(&path.display().to_string(), bar.wrap_read(file))?;
        bar.finish_and_clear();
    }
    let spinner = ProgressBar::new_spinner().with_message("attempts");
    let prepared = reconcile::prepare(&store, log, &matching, |attempts| {
        spinner.set_message(format!("{attempts} attempts"));
    })
    .await?;
    spinner.finish_and_clear();
    // What can fail comes before what lasts.
    const LEFT: &str = "the ledger was left as it is";
    let found = prepared.found();
    let output_failed = |error| Failure::Output(error, LEFT.to_owned());
    let priors = options.priors.as_ref().map(|path| written(path, found));
    let priors = priors.transpose()?;
    show(common, found, options.priors.is_none()).map_err(output_failed)?;
    let found = prepared.commit().await?;
    if let Some((file, path)) = priors {
        file.persist(path).map_err(|refused| {
            let stands = format!(
                "the verdicts stand, and {} could not be written",
                path.display()
            );
            Failure::Output(refused.error, stands)
        })?;
    }
    Ok(Ending::of(found.findings.is_empty()))
}

/// The priors in a file beside their place.
///
/// In the folder where it will be, so that giving it its name is one step.
fn written<'a>(
    path: &'a Path,
    found: &Reconciliation,
) -> Result<(NamedTempFile, &'a Path), Failure> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let written = NamedTempFile::new_in(folder).and_then(|mut file| {
        file.write_all(found.priors_toml().as_bytes())?;
        file.as_file().sync_all()?;
        Ok((file, path))
    });
    written
        .map_err(|error| Failure::usage(format!("{} cannot be written: {error}", path.display())))
}

fn show(common: &Common, found: &Reconciliation, with_priors: bool) -> std::io::Result<()> {
    let mut output = Output::new();
    if common.json() {
        output.json(found)?;
    } else {
        print(&mut output, found, &common.zone())?;
        if with_priors && !found.priors.is_empty() {
            output.line("")?;
            output.text(&found.priors_toml())?;
        }
    }
    output.end()
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be read: {error}", path.display()))
}

/// Shown where stderr is a terminal.
///
/// Nothing is shown elsewhere, so that logs of a timer stay clean.
fn bar(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl ReconcileOptions {
    fn format(&self) -> Result<LogFormat, Failure> {
        match (self.format, &self.map) {
            (Kind::NewApi, None) => {
                if self.quota_per_unit == 0 {
                    return Err(Failure::usage("--quota-per-unit must not be zero"));
                }
                let mut new_api = NewApi::default();
                new_api.quota_per_unit = self.quota_per_unit;
                new_api.currency = self.currency;
                Ok(LogFormat::NewApi(new_api))
            }
            (Kind::NewApi, Some(_)) => Err(Failure::usage("--map is for --format csv")),
            (Kind::Csv, map) => {
                let path = map.clone().unwrap_or_default();
                let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
                let map = ColumnMap::from_toml(&path.display().to_string(), &text)
                    .map_err(|error| Failure::usage(error.to_string()))?;
                Ok(LogFormat::Csv(map.into()))
            }
        }
    }

    /// The files that it names, such as the policy, are read here: what is wrong with them is a wrong argument.
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
///
/// `humantime` knows no sign.
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
