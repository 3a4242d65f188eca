//! Attempts as the ledger has them: all of one operation, or the last ones.
//!
//! For the person who asks "what became of my picture": when, where, what was asked for, how it ended, what it cost,
//! and the provider's own ids to ask its support by.

use longhaul::billing::{Closing, Record};
use maud::{Markup, html};

use super::{
    layout::{class, seconds, time},
    table::{
        Column::{Figures, Words},
        table,
    },
};
use crate::core::{Class, Outcome};

/// One operation in all its attempts.
pub(super) fn operation(records: &[Record]) -> Markup {
    html! {
        @for record in records { section {
            h2 { "Attempt " (record.opening.attempt) " " small { (class_name(record)) } }
            @if let Some(closing) = &record.closing { p { (closing.outcome.class.advice()) } }
            (facts(record))
        } }
    }
}

fn facts(record: &Record) -> Markup {
    let opening = &record.opening;
    let or_none = |text: Option<&str>| text.unwrap_or("–").to_owned();
    html! {
        div.table { table { tbody {
            (row("opened (UTC)", &time(opening.opened_at)))
            (row("provider", &or_none(opening.provider.as_deref())))
            (row("model", &or_none(opening.model.as_deref())))
            (row("asked for", &format!("{} × {}", opening.images, opening.resolution)))
            (row("where", &format!("{}{}", opening.host.as_deref().unwrap_or_default(), opening.path)))
            (row("price", &opening.price.map_or_else(|| "unknown".to_owned(), |price| price.to_string())))
            @match &record.closing {
                Some(closing) => (closed(closing)),
                None => (row("ended", "it runs")),
            }
        } } }
    }
}

/// What is not known is left out, but for money: there "unknown" is an answer.
fn closed(closing: &Closing) -> Markup {
    let outcome = &closing.outcome;
    let evidence = &closing.evidence;
    let ids: Vec<_> = evidence
        .request_ids
        .iter()
        .map(|id| format!("{}: {}", id.from, id.id))
        .collect();
    let maybe = |name, text: Option<String>| text.map(|text| row(name, &text));
    html! {
        (row("ended (UTC)", &time(closing.closed_at)))
        (row("how", &format!("{} while {}", outcome.end.name(), outcome.phase.name())))
        (row("took", &seconds(outcome.duration)))
        @for line in [
            maybe("request was out after", closing.flushed.map(seconds)),
            maybe("answer began after", closing.head.map(seconds)),
            maybe("status", closing.status.map(|status| status.to_string())),
            maybe("finish reason", evidence.finish_reason.as_deref().map(str::to_owned)),
            maybe("block reason", evidence.block_reason.as_deref().map(str::to_owned)),
            maybe("provider's ids", (!ids.is_empty()).then(|| ids.join("; "))),
        ].into_iter().flatten() { (line) }
        (row("pictures", &evidence.images.to_string()))
        (row("charged for certain", &money(outcome.exposure.certain())))
        (row("charged at most", &money(outcome.exposure.possible())))
    }
}

fn row(name: &str, text: &str) -> Markup {
    html! { tr { th scope="row" { (name) } td { (text) } } }
}

fn money(amount: Option<crate::core::Money>) -> String {
    amount.map_or_else(|| "unknown".to_owned(), |amount| amount.to_string())
}

fn class_name(record: &Record) -> &'static str {
    let class = record.closing.as_ref().map(|closing| closing.outcome.class);
    class.map_or("running", Class::name)
}

/// The last attempts, each with the way to its operation.
pub(super) fn last(records: &Result<Vec<Record>, String>) -> Markup {
    let records = match records {
        Ok(records) if records.is_empty() => {
            return html! { p.none { "Nothing was sent in the last 14 days." } };
        }
        Ok(records) => records,
        Err(why) => return html! { p.none { (why) } },
    };
    let columns = [
        Words("opened (UTC)"),
        Words("operation"),
        Figures("attempt"),
        Words("provider"),
        Words("model"),
        Words("size"),
        Words("class"),
        Figures("took"),
        Figures("cost at most"),
    ];
    table(&columns, records.iter().map(last_row))
}

fn last_row(record: &Record) -> Vec<Markup> {
    let opening = &record.opening;
    let outcome = record.closing.as_ref().map(|closing| &closing.outcome);
    let told = |tell: fn(&Outcome) -> String| outcome.map_or_else(String::new, tell);
    vec![
        html! { (time(opening.opened_at)) },
        html! { a href={ "operations/" (opening.operation) } { code { (opening.operation) } } },
        html! { (opening.attempt) },
        html! { (opening.provider.as_deref().unwrap_or_default()) },
        html! { (opening.model.as_deref().unwrap_or_default()) },
        html! { (opening.resolution) },
        class(outcome.map(|outcome| outcome.class), "running"),
        html! { (told(|outcome| seconds(outcome.duration))) },
        html! { (told(|outcome| money(outcome.exposure.possible()))) },
    ]
}
