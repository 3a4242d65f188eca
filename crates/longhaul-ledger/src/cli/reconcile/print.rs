//! What a reconciliation found, for people.
//!
//! Counts, sums, findings, rows that stood twice, corrections: each part is left out where it is empty. Lines that are
//! indented are parts of the line above and are left out at 0.

use jiff::tz::TimeZone;
use longhaul::Money;
use longhaul_ledger::{
    local_time,
    reconcile::{Finding, Reconciliation, RowRef},
};

use super::super::{
    Output,
    table::{Column, number, text},
};

/// The parts of a reconciliation in the order in which a person asks for them; the caller shows the priors.
pub(super) fn print(
    output: &mut Output,
    found: &Reconciliation,
    zone: &TimeZone,
) -> std::io::Result<()> {
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
    output.line(&found.provider)?;
    fill(output, &[text("", 200), number("", 255)], rows)?;
    if !found.whole {
        output
            .line("The log is perhaps a part of the whole: that a call has no row says nothing.")?;
    }
    if found.dry_run {
        output.line("The ledger was left as it is.")?;
    }
    if !found.findings.is_empty() {
        output.line("")?;
        let rows = found.findings.iter().map(|finding| cells(finding, zone));
        fill(output, &FINDINGS, rows)?;
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
        fill(output, &DUPLICATES, rows)?;
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
        fill(output, &CORRECTIONS, rows)?;
    }
    Ok(())
}

const FINDINGS: [Column; 6] = [
    text("discrepancy", 200),
    text("at", 80),
    text("operation or row", 255),
    text("class", 60),
    number("took", 50),
    number("amount", 255),
];
const DUPLICATES: [Column; 3] = [
    text("counted once", 200),
    text("row", 201),
    number("amount", 255),
];
const CORRECTIONS: [Column; 3] = [
    text("corrected entry", 200),
    number("before", 255),
    number("now", 255),
];

fn fill(
    output: &mut Output,
    columns: &[Column],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> std::io::Result<()> {
    let mut table = output.table(columns);
    table.rows(rows)?;
    table.end()
}

/// New-API's JSON has no lines worth naming: the file alone.
fn place(row: &RowRef) -> String {
    match row.line {
        0 => row.file.clone(),
        line => format!("{}, line {line}", row.file),
    }
}

/// One line for a finding, also where it is about many attempts: their number stands then for their names.
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
