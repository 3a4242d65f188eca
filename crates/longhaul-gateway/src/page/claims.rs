//! What providers owe back.

use longhaul_ledger::claims::{Found, summary};
use maud::{Markup, html};

use super::view::amount;

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

fn sums(found: &Found) -> Markup {
    html! {
        div.table { table {
            thead { tr { th { "provider" } th { "rule" } th { "state" } th { "claims" } th { "amount" } } }
            tbody { @for row in summary(&found.claims) { tr {
                td { (row.provider.as_deref().unwrap_or_default()) }
                td { (row.rule.name()) } td { (row.state.name()) } td.number { (row.claims) }
                td.number { (row.currency.map_or_else(|| "unknown".to_owned(), |currency| amount(currency.as_str(), row.amount_micros))) }
            } } }
        } }
    }
}
