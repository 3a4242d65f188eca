//! The section on the gateway: CPU for each call by length of the answer, memory for each call that waits, and the aims
//! beside bare hyper and nginx.

use std::fmt::Write;

use super::{Figures, Load, Which};
use crate::{
    report::{Aim, Section, aims},
    statistics::{median, median_of_rounds},
    table::{figure, table},
};

/// The rounds of one proxy; none where the machine does not have it.
fn of(rounds: &[(Which, Vec<Load>)], which: Which, f: fn(&Load) -> f64) -> Vec<f64> {
    let mut all = rounds.iter();
    let found = all.find(|(known, _)| *known == which);
    found.map_or_else(Vec::new, |(_, rounds)| rounds.iter().map(f).collect())
}

/// The CPU of `which` beside another's, of the same rounds; no number where one of them is missing.
fn ratio(rounds: &[(Which, Vec<Load>)], which: Which, to: Which) -> f64 {
    let cpu = |which| of(rounds, which, |load| load.cpu_micros);
    median_of_rounds(&cpu(which), &cpu(to), |one, other| one / other)
}

fn held_by(figures: &Figures, which: Which) -> f64 {
    let found = figures.held.iter().find(|(known, _)| *known == which);
    found.map_or(f64::NAN, |(_, bytes)| *bytes)
}

fn aims_of(figures: &Figures) -> Vec<Aim> {
    let mut aims = Vec::new();
    if let [(small, of_small), (large, of_large)] = &figures.loads[..] {
        for (answer, rounds, beside, most) in [
            (small, of_small, Which::Bare, 1.6),
            (small, of_small, Which::Nginx, 3.0),
            (large, of_large, Which::Bare, 1.3),
        ] {
            let what = format!("CPU of the gateway, {answer}, beside {}", beside.title());
            let ratio = ratio(rounds, Which::Gateway, beside);
            aims.push(Aim::at_most(what, most, "×", ratio));
        }
    }
    let what = format!(
        "memory of a call that waits, beside {}",
        Which::Bare.title()
    );
    let ratio = held_by(figures, Which::Gateway) / held_by(figures, Which::Bare);
    aims.push(Aim::at_most(what, 1.3, "×", ratio));
    aims
}

pub(super) fn section(figures: &Figures) -> Section {
    let mut markdown = String::from(
        "Calls of 1 KiB over loopback through a proxy, four at a time on kept connections; server, callers and proxies are \
         processes of their own. CPU is the proxy's, user and system; ratios are of the same round. The gateway judges each \
         call, keeps its books in memory, and keeps no answers; with SQLite each attempt is durable before it is sent. The \
         bare proxy is hyper's server and hyper-util's client, and does nothing but pass on.\n\n",
    );
    let mut loads = table([
        "",
        "answer",
        "CPU per call, µs",
        "× bare",
        "× nginx",
        "calls/s",
    ]);
    for (answer, rounds) in &figures.loads {
        for (which, _) in rounds {
            let times = |to| {
                let ratio = ratio(rounds, *which, to);
                match ratio.is_finite() {
                    true => format!("{ratio:.2}"),
                    false => "–".to_owned(),
                }
            };
            loads.add_row([
                which.title().to_owned(),
                (*answer).to_owned(),
                figure(median(of(rounds, *which, |load| load.cpu_micros))),
                times(Which::Bare),
                times(Which::Nginx),
                figure(median(of(rounds, *which, |load| load.calls_per_second))),
            ]);
        }
    }
    let mut held = table(["", "bytes for each call", "× bare"]);
    for (which, bytes) in &figures.held {
        held.add_row([
            which.title().to_owned(),
            figure(*bytes),
            format!("{:.2}", bytes / held_by(figures, Which::Bare)),
        ]);
    }
    let _ = write!(
        markdown,
        "{loads}\n\n{} calls that wait for their answers at once, each on a connection of its own in front of the proxy and \
         behind it, and by how much the proxy grew for each.\n\n{held}\n\n{}\n",
        figures.count,
        aims(aims_of(figures)),
    );
    Section {
        title: "The gateway".to_owned(),
        markdown,
        plots: Vec::new(),
    }
}
