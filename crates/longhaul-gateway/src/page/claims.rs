//! What providers owe back.
//!
//! A look at what would be claimed, by the built-in rules and marked as nothing yet: exporting is `longhaul-ledger
//! export`, which writes down what was claimed, so that nothing is claimed twice.

use longhaul_ledger::claims::{Found, summary};
use maud::{Markup, html};

use super::{
    layout::amount,
    table::{
        Column::{Figures, Words},
        table,
    },
};

pub(super) fn claims(found: &Result<Found, String>) -> Markup {
    let found = match found {
        Ok(found) => found,
        Err(why) => return html! { p.none { (why) } },
    };
    html! {
        section {
            h2 { "Claims of the last 92 days, by the built-in rules" }
            @if found.claims.is_empty() { p.none { "Nothing is owed." } } @else {
                (sums(found))
                p { a href="claims.csv" { "As a table, one row each, with the evidence" } }
                p.none { "`longhaul-ledger export` writes them as files for each provider and month, and counts them as exported." }
            }
            @for withheld in &found.withheld {
                p.none {
                    (withheld.attempts) " attempts at " (withheld.provider) " would be claimed as " (withheld.rule.name())
                    ", but it wants " (withheld.wanted) " to be spent in their month."
                }
            }
            @if !found.unread.is_empty() { p.none { (found.unread.len()) " attempts are not understood, and in no claim." } }
        }
    }
}

/// One row for each provider, rule and state.
fn sums(found: &Found) -> Markup {
    let columns = [
        Words("provider"),
        Words("rule"),
        Words("state"),
        Figures("claims"),
        Figures("amount"),
    ];
    let rows = summary(&found.claims).into_iter().map(|row| {
        let owed = row.currency.map_or_else(
            || "unknown".to_owned(),
            |currency| amount(currency.as_str(), row.amount_micros),
        );
        vec![
            html! { (row.provider.as_deref().unwrap_or_default()) },
            html! { (row.rule.name()) },
            html! { (row.state.name()) },
            html! { (row.claims) },
            html! { (owed) },
        ]
    });
    table(&columns, rows)
}
