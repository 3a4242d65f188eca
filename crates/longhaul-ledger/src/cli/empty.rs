//! What is said where nothing was found: a word, and where there is something.
//!
//! A wrong month or name gives an empty list, which looks as if nothing had been spent. So an empty answer is followed
//! by the months that have attempts, and, where the provider's name is unknown, by the names that are known.

use longhaul_ledger::Store;

use super::{Common, Failure, Selection, output::say};

/// Says that no `what`, e.g. "attempts", are there for `selection`, and what is.
///
/// `period` is the time that a command took by itself where nobody gave one, such as this month for `report`.
pub(crate) async fn say_empty(
    common: &Common,
    store: &Store,
    selection: &Selection,
    what: &str,
    period: Option<&str>,
) -> Result<(), Failure> {
    let months = store.months(&common.zone()).await?;
    let asked = selection.text().or_else(|| period.map(str::to_owned));
    let asked = asked.map_or_else(String::new, |asked| format!(" {asked}"));
    if months.is_empty() {
        say(format_args!("no {what}{asked}: the ledger is empty"));
        return Ok(());
    }
    say(format_args!(
        "no {what}{asked}; the ledger has attempts of {}",
        spans(&months)
    ));
    if let Some(provider) = selection.provider() {
        let known = store.providers().await?;
        if !known.iter().any(|name| name == provider) {
            say(format_args!(
                "it knows no provider {provider:?}, but {}",
                known.join(", ")
            ));
        }
    }
    Ok(())
}

/// `2026-01 to 2026-03, 2026-05`.
///
/// Months in a row are one span, so that ten years fit a line.
fn spans(months: &[jiff::civil::Date]) -> String {
    let name = |day: &jiff::civil::Date| format!("{:04}-{:02}", day.year(), day.month());
    let number = |day: &jiff::civil::Date| i32::from(day.year()) * 12 + i32::from(day.month());
    let runs = months.chunk_by(|a, b| number(a) + 1 == number(b));
    let spans: Vec<_> = runs
        .map(|run| match run {
            [first, .., last] => format!("{} to {}", name(first), name(last)),
            run => run.iter().map(name).collect(),
        })
        .collect();
    spans.join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn months_in_a_row_are_one_span() {
        let months = ["2025-12-01", "2026-01-01", "2026-02-01", "2026-05-01"];
        let months = months.map(|day| day.parse().unwrap());
        assert_eq!(super::spans(&months), "2025-12 to 2026-02, 2026-05");
    }
}
