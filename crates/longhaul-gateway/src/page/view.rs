//! How it looks.

use std::time::Duration;

use maud::{Markup, html};

use super::{
    figures::{Figures, Way},
    layout::{document, seconds, time},
    reader::Day,
};
use crate::{
    core::{Attempt, Class, Money},
    telemetry::{EndedCall, RunningCall},
};

pub(super) fn page(figures: &Figures) -> Markup {
    document("Longhaul gateway", "", true, &middle(figures))
}

pub(super) fn middle(figures: &Figures) -> Markup {
    html! {
        section {
            h2 { "In flight " small { (figures.running.len()) } }
            (running(figures))
        }
        section {
            h2 { "Routes" }
            (routes(figures))
            (ways(&figures.ways))
        }
        section {
            h2 { "Seconds to a picture" }
            (sizes(figures))
        }
        section {
            h2 { "Money by day" }
            (days(&figures.days))
        }
        section {
            h2 { "Last calls" }
            (ended(&figures.ended))
        }
    }
}

fn running(figures: &Figures) -> Markup {
    if figures.running.is_empty() {
        return html! { p.none { "Nothing is in flight." } };
    }
    html! {
        div.table { table {
            thead { tr { th { "operation" } th { "caller" } th { "model" } th { "size" } th { "phase" } th { "attempt" } th { "elapsed" } th { "half are there" } th { "95 of 100 are there" } } }
            tbody { @for call in &figures.running { (running_row(call, figures)) } }
        } }
    }
}

fn running_row(call: &RunningCall, figures: &Figures) -> Markup {
    let attempts = call
        .progress
        .as_ref()
        .map(|progress| progress.attempts())
        .unwrap_or_default();
    let phase = match attempts.last() {
        None => "waits for its turn",
        Some(attempt) if attempt.outcome_now().is_some() => "waits to be sent again",
        Some(attempt) => attempt.phase().name(),
    };
    let elapsed = call.began.elapsed();
    let usual = figures.sizes.get(&call.asked.resolution);
    let late = usual.map_or(Duration::from_secs(300), |usual| usual.late);
    html! {
        tr {
            td { (named(call.progress.as_ref().and_then(|progress| progress.name()).as_deref())) }
            td { (call.asked.caller) }
            td { (call.asked.model) }
            td { (call.asked.resolution) }
            td { (phase) }
            td.number { (attempts.last().map_or(0, Attempt::number)) }
            td.number {
                (seconds(elapsed)) " "
                meter min="0" max=(late.as_secs_f64().max(1.0)) value=(elapsed.as_secs_f64())
                    title=(format!("of {}, in which 95 of 100 are there", seconds(late))) {}
            }
            td.number { (usual.map_or_else(|| "unknown".to_owned(), |usual| seconds(usual.median))) }
            td.number { (usual.map_or_else(|| "unknown".to_owned(), |usual| seconds(usual.late))) }
        }
    }
}

fn routes(figures: &Figures) -> Markup {
    html! {
        div.table { table {
            thead { tr { th { "upstream" } th { "address" } th { "in flight" } th { "places taken" } th { "waiting" } th { "delivered" } th { "other endings" } } }
            tbody { @for route in &figures.upstreams { tr {
                td { (route.name) } td { (route.url) }
                td.number { (route.in_flight) } td.number { (route.taken) } td.number { (route.waiting) }
                td.number { (route.delivered) } td.number { (route.others) }
            } } }
        } }
    }
}

/// After which silences each way cuts, and what chance that leaves a picture of each size.
fn ways(ways: &[Way]) -> Markup {
    if ways.is_empty() {
        return html! {};
    }
    html! {
        div.table { table {
            thead { tr { th { "upstream" } th { "way" } th { "cuts a silence" } th { "chances" } } }
            tbody { @for Way { upstream, route } in ways { tr {
                td { (upstream) }
                td { (route.host) @if let Some(proxy) = &route.proxy { " by " (proxy) } }
                td {
                    @if route.cuts.is_empty() { "never so far" }
                    @for cut in &route.cuts { "after " (seconds(cut.silence)) ", " (percent(cut.share)) " of those that come so far " }
                }
                td { @for (size, chance) in &route.chances { (size) " " (percent(*chance)) " " } }
            } } }
        } }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// An operation by its public name, with the way to all its attempts.
fn named(name: Option<&str>) -> Markup {
    html! { @if let Some(name) = name { a href={ "operations/" (name) } { code { (name) } } } }
}

fn sizes(figures: &Figures) -> Markup {
    if figures.sizes.is_empty() {
        return html! { p.none { "No picture was delivered yet." } };
    }
    let most = figures
        .sizes
        .values()
        .map(|size| size.late.max(size.limits.1).as_secs_f64())
        .fold(1.0, f64::max);
    html! {
        div.table { table {
            thead { tr { th { "size" } th { "pictures" } th { "half are there" } th { "95 of 100 are there" } th { "limit" } th {} } }
            tbody { @for (size, took) in &figures.sizes { tr {
                td { (size) } td.number { (took.count) }
                td.number { (seconds(took.median)) } td.number { (seconds(took.late)) }
                td.number {
                    (seconds(took.limits.0))
                    @if took.limits.0 != took.limits.1 { " to " (seconds(took.limits.1)) }
                }
                td { (bars(&[
                    ("median", took.median.as_secs_f64() / most),
                    ("late", took.late.as_secs_f64() / most),
                    ("limit", took.limits.0.as_secs_f64() / most),
                ])) }
            } } }
        } }
    }
}

pub(super) fn days(days: &Result<Vec<Day>, String>) -> Markup {
    let days = match days {
        Ok(days) if days.is_empty() => {
            return html! { p.none { "Nothing was spent in the last 14 days." } };
        }
        Ok(days) => days,
        Err(why) => return html! { p.none { (why) } },
    };
    let most = days
        .iter()
        .map(|day| day.possible)
        .max()
        .unwrap_or(1)
        .max(1) as f64;
    html! {
        div.table { table {
            thead { tr { th { "day (UTC)" } th { "pictures" } th { "attempts" } th { "delivered" } th { "wasted" } th { "charged for certain" } th { "exposed" } th { "claimed" } th {} } }
            tbody { @for day in days { tr {
                td { (day.day) } td.number { (day.delivered) } td.number { (day.attempts) }
                @for micros in [day.worth, day.wasted, day.certain, day.possible, day.claimed] {
                    td.number { (amount(&day.currency, micros)) }
                }
                td { (bars(&[
                    ("delivered", day.worth as f64 / most),
                    ("wasted", day.wasted as f64 / most),
                    ("possible", day.possible as f64 / most),
                    ("claimed", day.claimed as f64 / most),
                ])) }
            } } }
        } }
    }
}

fn ended(ended: &[EndedCall]) -> Markup {
    if ended.is_empty() {
        return html! { p.none { "No call has ended yet." } };
    }
    html! {
        div.table { table {
            thead { tr { th { "ended (UTC)" } th { "operation" } th { "caller" } th { "upstream" } th { "model" } th { "size" } th { "class" } th { "attempts" } th { "took" } th { "at most" } } }
            tbody { @for call in ended { tr.good[call.class == Some(Class::Delivered)] {
                td { (time(call.at)) }
                td { (named(call.name.as_deref())) }
                td { (call.asked.caller) } td { (call.asked.upstream) } td { (call.asked.model) } td { (call.asked.resolution) }
                td title=(call.class.map_or("", Class::advice)) { (call.class.map_or("NotBegun", Class::name)) }
                td.number { (call.attempts) }
                td.number { (seconds(call.took)) }
                td.number { @match call.cost { Some(cost) => (cost), None if call.attempts == 0 => "nothing", None => "unknown" } }
            } } }
        } }
    }
}

/// Shares of one, as horizontal bars.
fn bars(shares: &[(&str, f64)]) -> Markup {
    html! {
        svg viewBox=(format!("0 0 100 {}", shares.len() * 6)) role="img" aria-hidden="true" preserveAspectRatio="none" {
            @for (index, (name, share)) in shares.iter().enumerate() {
                rect class=(name) x="0" y=(index * 6) width=(format!("{:.2}", share.clamp(0.0, 1.0) * 100.0)) height="5" {
                    title { (name) }
                }
            }
        }
    }
}

/// Of so many millionths.
pub(super) fn amount(currency: &str, micros: i128) -> String {
    match (currency.parse(), i64::try_from(micros)) {
        (Ok(currency), Ok(micros)) => Money { micros, currency }.to_string(),
        _ => "unknown".to_owned(),
    }
}
