//! How it looks.

use std::time::{Duration, SystemTime};

use maud::{DOCTYPE, Markup, html};

use super::figures::{Day, Figures};
use crate::{
    core::{Attempt, Class, Money},
    telemetry::{Ended, Running},
};

pub(super) fn page(figures: &Figures) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Longhaul gateway" }
                link rel="stylesheet" href="style.css";
                script src="live.js" defer {}
            }
            body {
                header { h1 { "Longhaul gateway" } p #state role="status" { "live" } }
                main #live { (middle(figures)) }
            }
        }
    }
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
        }
        section {
            h2 { "Seconds to a picture" }
            (sizes(figures))
        }
        section {
            h2 { "Money by day" }
            (days(figures))
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
            thead { tr { th { "operation" } th { "caller" } th { "model" } th { "size" } th { "phase" } th { "attempt" } th { "elapsed" } } }
            tbody { @for call in &figures.running { (running_row(call, figures)) } }
        } }
    }
}

fn running_row(call: &Running, figures: &Figures) -> Markup {
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
            td { code { (call.progress.as_ref().and_then(|progress| progress.name()).unwrap_or_default()) } }
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

fn sizes(figures: &Figures) -> Markup {
    if figures.sizes.is_empty() {
        return html! { p.none { "No picture was delivered yet." } };
    }
    let most = figures
        .sizes
        .values()
        .map(|size| size.late.as_secs_f64())
        .fold(1.0, f64::max);
    html! {
        div.table { table {
            thead { tr { th { "size" } th { "pictures" } th { "half are there" } th { "95 of 100 are there" } th {} } }
            tbody { @for (size, took) in &figures.sizes { tr {
                td { (size) } td.number { (took.count) }
                td.number { (seconds(took.median)) } td.number { (seconds(took.late)) }
                td { (bars(&[("median", took.median.as_secs_f64() / most), ("late", took.late.as_secs_f64() / most)])) }
            } } }
        } }
    }
}

fn days(figures: &Figures) -> Markup {
    let days = match &figures.days {
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
            thead { tr { th { "day (UTC)" } th { "pictures" } th { "attempts" } th { "charged" } th { "at most" } th { "wasted" } th {} } }
            tbody { @for day in days { tr {
                td { (day.day) } td.number { (day.delivered) } td.number { (day.attempts) }
                td.number { (amount(day, day.certain)) } td.number { (amount(day, day.possible)) } td.number { (amount(day, day.wasted)) }
                td { (bars(&[
                    ("certain", day.certain as f64 / most),
                    ("possible", day.possible as f64 / most),
                    ("wasted", day.wasted as f64 / most),
                ])) }
            } } }
        } }
    }
}

fn ended(ended: &[Ended]) -> Markup {
    if ended.is_empty() {
        return html! { p.none { "No call has ended yet." } };
    }
    html! {
        div.table { table {
            thead { tr { th { "ended (UTC)" } th { "operation" } th { "caller" } th { "upstream" } th { "model" } th { "size" } th { "class" } th { "attempts" } th { "took" } th { "at most" } } }
            tbody { @for call in ended { tr.good[call.class == Some(Class::Delivered)] {
                td { (time(call.at)) }
                td { code { (call.name.as_deref().unwrap_or_default()) } }
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

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

fn amount(day: &Day, micros: i128) -> String {
    match (day.currency.parse(), i64::try_from(micros)) {
        (Ok(currency), Ok(micros)) => Money { micros, currency }.to_string(),
        _ => "unknown".to_owned(),
    }
}

fn time(at: SystemTime) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
