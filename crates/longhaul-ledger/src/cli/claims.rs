//! `claims`: what providers owe back, and what became of it.
//!
//! Without an option it shows sums, since the first question is how much. The rows that a support needs come from
//! `export`; answers are written here, by the entries' ids, as they stand in the exported rows.

use std::path::PathBuf;

use jiff::Timestamp;
use longhaul::{Money, billing::ClaimRule};
use longhaul_ledger::{
    EntryId, Store,
    claims::{
        Answer, ClaimBook, ClaimState, DEFAULT_RULES, Found, FoundClaim, SummaryRow, Withheld,
        summary,
    },
    local_time,
};
use serde::Serialize;

use super::{
    Common, Ending, Failure, Output, Selection,
    empty::say_empty,
    output::say,
    report::amount,
    table::{Column, number, text},
};

#[derive(Debug, clap::Args)]
pub(crate) struct ClaimsOptions {
    #[command(flatten)]
    wanted: Wanted,
    /// In this state: Eligible, Verify, Exported, Overdue, Credited or Denied
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<ClaimState>,
    /// Each claim by itself, instead of sums
    #[arg(long)]
    each: bool,
    /// With --each: so many at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// Write the built-in rules, to begin a file of your own with
    #[arg(long)]
    rules_default: bool,
    /// The provider paid these exported claims, by the ids of their entries
    #[arg(long, value_name = "ENTRY", num_args = 1.., conflicts_with = "denied")]
    credited: Vec<EntryId>,
    /// The provider refused these
    #[arg(long, value_name = "ENTRY", num_args = 1..)]
    denied: Vec<EntryId>,
}

/// Which claims, by which rules.
#[derive(Debug, clap::Args)]
pub(crate) struct Wanted {
    #[command(flatten)]
    selection: Selection,
    /// A file of rules instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// By this rule: NoImage, Undelivered, Duplicate, Over or ChargedThoughRefused
    #[arg(long, value_name = "RULE", value_parser = rule)]
    rule: Option<ClaimRule>,
}

impl Wanted {
    /// Which attempts.
    pub(super) const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The claims of `store`. A month is counted in each provider's own time zone unless one is named.
    pub(super) async fn find(&self, common: &Common, store: &Store) -> Result<Found, Failure> {
        let book = match &self.rules {
            Some(path) => ClaimBook::load(path)?,
            None => ClaimBook::default(),
        };
        let filter = self.selection.filter(common)?;
        let mut found = match self.selection.month()? {
            Some(month) if common.named_zone().is_none() => {
                store.claims_of_month(&book, month, &filter).await?
            }
            _ => store.claims(&book, &filter).await?,
        };
        if let Some(rule) = self.rule {
            found.claims.retain(|claim| claim.rule == rule);
            found.withheld.retain(|withheld| withheld.rule == rule);
        }
        for unread in found.unread.iter().take(SAID) {
            say(unread);
        }
        if !found.unread.is_empty() {
            let number = found.unread.len();
            say(format_args!(
                "{number} attempts are not understood, and in no claim"
            ));
        }
        Ok(found)
    }
}

/// More than so many that are not understood are only counted.
///
/// A ledger that a newer version wrote may have thousands.
const SAID: usize = 10;

pub(crate) async fn run(common: &Common, options: &ClaimsOptions) -> Result<Ending, Failure> {
    if options.rules_default {
        let mut output = Output::new();
        output.text(DEFAULT_RULES)?;
        output.end()?;
        return Ok(Ending::Done);
    }
    let (entries, answer) = match (&*options.credited, &*options.denied) {
        ([], []) => return list(common, options).await,
        ([], denied) => (denied, Answer::Denied),
        (credited, _) => (credited, Answer::Credited),
    };
    let store = common.writer().await?;
    store.answer_claims(entries, answer, now()).await?;
    say(format_args!(
        "{} claims are now {}",
        entries.len(),
        answer.name()
    ));
    Ok(Ending::Done)
}

/// `--state` chooses after everything was judged: states follow from the whole operation. `--limit` cuts what is shown,
/// and not what is summed up.
async fn list(common: &Common, options: &ClaimsOptions) -> Result<Ending, Failure> {
    let store = common.reader().await?;
    let mut found = options.wanted.find(common, &store).await?;
    if let Some(state) = options.state {
        found.claims.retain(|claim| claim.state == state);
    }
    let mut output = Output::new();
    if options.each {
        let shown = &found.claims[..found.claims.len().min(options.limit)];
        if common.json() {
            for claim in shown {
                output.json(&Line::of(claim))?;
            }
        } else {
            let mut table = output.table(&EACH);
            table.rows(shown.iter().map(each))?;
            table.end()?;
        }
        if shown.len() < found.claims.len() {
            let (shown, all) = (shown.len(), found.claims.len());
            say(format_args!("{shown} of {all}; more with --limit"));
        }
    } else {
        let rows = summary(&found.claims);
        if common.json() {
            let withheld = &found.withheld;
            output.json(&ClaimsDocument {
                claims: &rows,
                withheld,
            })?;
        } else {
            let mut table = output.table(&SUMS);
            table.rows(rows.iter().map(sums))?;
            table.end()?;
        }
    }
    output.end()?;
    say_withheld(&found.withheld);
    if found.claims.is_empty() {
        say_empty(common, &store, options.wanted.selection(), "claims", None).await?;
    }
    Ok(Ending::of(!found.claims.is_empty()))
}

/// Says what is not owed yet.
///
/// On stderr: what is withheld is no claim, and a person who looks for it should not wonder.
pub(super) fn say_withheld(withheld: &[Withheld]) {
    for one in withheld {
        say(format_args!(
            "{} attempts at {} would be claimed as {}, but it wants {} to be spent in their month, and {} were at most",
            one.attempts, one.provider, one.rule, one.wanted, one.spent
        ));
    }
}

/// The time of day, for what is written down.
pub(super) fn now() -> std::time::SystemTime {
    Timestamp::now()
        .try_into()
        .unwrap_or(std::time::SystemTime::UNIX_EPOCH)
}

/// As JSON.
#[derive(Serialize)]
struct ClaimsDocument<'a> {
    claims: &'a [SummaryRow],
    withheld: &'a [Withheld],
}

/// One claim as JSON.
#[derive(Serialize)]
struct Line<'a> {
    entry: EntryId,
    rule: ClaimRule,
    state: ClaimState,
    amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a longhaul_ledger::claims::LogEntry>,
    attempt: &'a longhaul::billing::Record,
}

impl<'a> Line<'a> {
    fn of(claim: &'a FoundClaim) -> Self {
        Self {
            entry: claim.stored.id,
            rule: claim.rule,
            state: claim.state,
            amount: claim.amount,
            due_at: claim.due_at.map(|due| local_time(due, &claim.zone)),
            log: claim.logged.as_ref(),
            attempt: &claim.stored.record,
        }
    }
}

const SUMS: [Column; 6] = [
    text("provider", 90),
    text("rule", 200),
    text("state", 80),
    text("currency", 150),
    number("claims", 100),
    number("amount", 255),
];

/// The cells of a row, in the order of [`SUMS`].
fn sums(row: &SummaryRow) -> Vec<String> {
    vec![
        row.provider.clone().unwrap_or_else(|| "-".to_owned()),
        row.rule.to_string(),
        row.state.to_string(),
        row.currency
            .map_or_else(|| "-".to_owned(), |currency| currency.to_string()),
        row.claims.to_string(),
        amount(row.amount_micros, row.currency),
    ]
}

const EACH: [Column; 8] = [
    text("opened", 100),
    text("entry", 60),
    text("provider", 90),
    text("model", 70),
    text("class", 80),
    text("rule", 200),
    text("state", 110),
    number("amount", 255),
];

/// In the order of [`EACH`]. Times are those of the provider's zone, as in the exported files.
fn each(claim: &FoundClaim) -> Vec<String> {
    let opening = &claim.stored.record.opening;
    let closing = claim.stored.record.closing.as_ref();
    let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
    vec![
        local_time(opening.opened_at, &claim.zone),
        claim.stored.id.to_string(),
        or_none(opening.provider.as_deref()),
        or_none(opening.model.as_deref()),
        or_none(closing.map(|closing| closing.outcome.class.name())),
        claim.rule.to_string(),
        claim.state.to_string(),
        claim
            .amount
            .map_or_else(|| "unknown".to_owned(), |amount| amount.to_string()),
    ]
}

fn state(name: &str) -> Result<ClaimState, String> {
    ClaimState::named(name).ok_or_else(|| one_of(ClaimState::ALL.map(ClaimState::name)))
}

fn rule(name: &str) -> Result<ClaimRule, String> {
    ClaimRule::named(name).ok_or_else(|| one_of(ClaimRule::ALL.map(ClaimRule::name)))
}

/// What the parser shows for a name that is not known.
fn one_of<const N: usize>(names: [&str; N]) -> String {
    format!("one of {}", names.join(", "))
}
