//! How it looks.
//!
//! One function a section, each from what was read to markup, so that a section that has nothing to show says so in a
//! sentence. Numbers come as they are to be shown; only the lengths of bars are computed here, each against the
//! longest of its table.

use std::time::Duration;

use maud::{Markup, html};

use super::{
    figures::{Durations, Route, Shown},
    layout::{amount, bars, class, document, seconds, time},
    reader::Day,
    table::{
        Column::{Chart, Figures, Words},
        table,
    },
};
use crate::{
    core::Attempt,
    telemetry::{EndedCall, RunningCall},
};

/// The whole document: what a browser loads once.
pub(super) fn page(figures: &Shown) -> Markup {
    document("Longhaul gateway", "", true, &middle(figures))
}

/// What it fetches anew every two seconds, into the same place.
pub(super) fn middle(figures: &Shown) -> Markup {
    html! {
        section {
            h2 { "In flight " small { (figures.running.len()) } }
            (running(figures))
        }
        section {
            h2 { "Upstreams" }
            (upstreams(figures))
        }
        section {
            h2 { "Routes" }
            (routes(&figures.routes))
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

fn running(figures: &Shown) -> Markup {
    if figures.running.is_empty() {
        return html! { p.none { "Nothing is in flight." } };
    }
    let columns = [
        Words("operation"),
        Words("caller"),
        Words("model"),
        Words("size"),
        Words("phase"),
        Figures("attempt"),
        Figures("elapsed"),
        Figures("half are there"),
        Figures("95 of 100 are there"),
    ];
    let rows = figures.running.iter();
    table(&columns, rows.map(|call| running_row(call, figures)))
}

/// The bar is how much of the usual time has passed: of that in which 95 of 100 pictures of this size are there, or
/// 300 s while none is known.
fn running_row(call: &RunningCall, figures: &Shown) -> Vec<Markup> {
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
    let usually = |known: fn(&Durations) -> Duration| {
        usual.map_or_else(|| "unknown".to_owned(), |usual| seconds(known(usual)))
    };
    vec![
        named(
            call.progress
                .as_ref()
                .and_then(|progress| progress.name())
                .as_deref(),
        ),
        html! { (call.asked.caller) },
        html! { (call.asked.model) },
        html! { (call.asked.resolution) },
        html! { (phase) },
        html! { (attempts.last().map_or(0, Attempt::number)) },
        html! {
            (seconds(elapsed)) " "
            meter min="0" max=(late.as_secs_f64().max(1.0)) value=(elapsed.as_secs_f64())
                title=(format!("of {}, in which 95 of 100 are there", seconds(late))) {}
        },
        html! { (usually(|usual| usual.median)) },
        html! { (usually(|usual| usual.late)) },
    ]
}

fn upstreams(figures: &Shown) -> Markup {
    let columns = [
        Words("upstream"),
        Words("address"),
        Figures("in flight"),
        Figures("places taken"),
        Figures("waiting"),
        Figures("delivered"),
        Figures("other endings"),
    ];
    let rows = figures.upstreams.iter().map(|upstream| {
        let counts = [
            upstream.in_flight,
            upstream.taken,
            upstream.waiting,
            upstream.delivered,
            upstream.others,
        ];
        let words = [html! { (upstream.name) }, html! { (upstream.url) }];
        words
            .into_iter()
            .chain(counts.map(|count| html! { (count) }))
            .collect()
    });
    table(&columns, rows)
}

/// After which silences each route cuts a connection, and what chance that leaves a picture of each size.
fn routes(routes: &[Route]) -> Markup {
    if routes.is_empty() {
        return html! { p.none { "Nothing was sent yet." } };
    }
    let columns = [
        Words("upstream"),
        Words("route"),
        Words("cuts connections"),
        Words("chance of a picture"),
    ];
    let rows = routes.iter().map(|Route { upstream, known }| vec![
        html! { (upstream) },
        html! { (known.host) @if let Some(proxy) = &known.proxy { " by " (proxy) } },
        html! {
            @if known.cuts.is_empty() { "never so far" }
            @for cut in &known.cuts { "after " (seconds(cut.silence)) " of silence, " (percent(cut.share)) " of those that come so far " }
        },
        html! { @for (size, chance) in &known.chances { (size) " " (percent(*chance)) " " } },
    ]);
    table(&columns, rows)
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// An operation by its public name, with the way to all its attempts.
fn named(name: Option<&str>) -> Markup {
    html! { @if let Some(name) = name { a href={ "operations/" (name) } { code { (name) } } } }
}

/// Only delivered pictures count: a call that failed early says nothing of how long one takes.
fn sizes(figures: &Shown) -> Markup {
    if figures.sizes.is_empty() {
        return html! { p.none { "No picture was delivered yet." } };
    }
    let most = figures
        .sizes
        .values()
        .map(|size| size.late.max(size.limits.1).as_secs_f64())
        .fold(1.0, f64::max);
    let columns = [
        Words("size"),
        Figures("pictures"),
        Figures("half are there"),
        Figures("95 of 100 are there"),
        Figures("limit"),
        Chart,
    ];
    let rows = figures.sizes.iter().map(|(size, took)| {
        let (shortest, longest) = took.limits;
        vec![
            html! { (size) },
            html! { (took.count) },
            html! { (seconds(took.median)) },
            html! { (seconds(took.late)) },
            html! { (seconds(shortest)) @if shortest != longest { " to " (seconds(longest)) } },
            bars(&[
                ("median", took.median.as_secs_f64() / most),
                ("late", took.late.as_secs_f64() / most),
                ("limit", shortest.as_secs_f64() / most),
            ]),
        ]
    });
    table(&columns, rows)
}

/// In each row: what was delivered, what was wasted, what may have been charged at most, what can be claimed.
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
    let columns = [
        Words("day (UTC)"),
        Figures("pictures"),
        Figures("attempts"),
        Figures("delivered"),
        Figures("wasted"),
        Figures("charged for certain"),
        Figures("exposed"),
        Figures("claimed"),
        Chart,
    ];
    let rows = days.iter().map(|day| {
        let money = [
            day.worth,
            day.wasted,
            day.certain,
            day.possible,
            day.claimed,
        ];
        let counts = [
            html! { (day.day) },
            html! { (day.delivered) },
            html! { (day.attempts) },
        ];
        let chart = bars(&[
            ("delivered", day.worth as f64 / most),
            ("wasted", day.wasted as f64 / most),
            ("possible", day.possible as f64 / most),
            ("claimed", day.claimed as f64 / most),
        ]);
        let money = money.map(|micros| html! { (amount(&day.currency, micros)) });
        counts.into_iter().chain(money).chain([chart]).collect()
    });
    table(&columns, rows)
}

fn ended(ended: &[EndedCall]) -> Markup {
    if ended.is_empty() {
        return html! { p.none { "No call has ended yet." } };
    }
    let columns = [
        Words("ended (UTC)"),
        Words("operation"),
        Words("caller"),
        Words("upstream"),
        Words("model"),
        Words("size"),
        Words("class"),
        Figures("attempts"),
        Figures("took"),
        Figures("cost at most"),
    ];
    table(&columns, ended.iter().map(ended_row))
}

/// A call without attempts cost nothing; one whose price no row has cost nobody knows what.
fn ended_row(call: &EndedCall) -> Vec<Markup> {
    vec![
        html! { (time(call.at)) },
        named(call.name.as_deref()),
        html! { (call.asked.caller) },
        html! { (call.asked.upstream) },
        html! { (call.asked.model) },
        html! { (call.asked.resolution) },
        class(call.class, "NotBegun"),
        html! { (call.attempts) },
        html! { (seconds(call.took)) },
        html! { @match call.cost { Some(cost) => (cost), None if call.attempts == 0 => "nothing", None => "unknown" } },
    ]
}
