//! The section on the wire: CPU, requests a second and page faults by client and length of the answer, memory of silent
//! requests, and the aims.

use std::fmt::Write;

use super::{Which, held::Held, load::Load};
use crate::{
    plot,
    report::{Aim, Section, aims},
    statistics::{median, median_of_rounds},
    table::{figure, table},
};

/// The CPU of `which` beside hyper-util alone, of the same rounds.
fn cpu_ratio(rounds: &[Vec<Load>], which: Which) -> f64 {
    let of = |which: Which| -> Vec<f64> {
        let rounds = Which::ALL.into_iter().zip(rounds);
        let one = rounds.into_iter().find(|(known, _)| *known == which);
        let one = one.map(|(_, rounds)| rounds.iter().map(|load| load.cpu_micros).collect());
        one.unwrap_or_default()
    };
    median_of_rounds(&of(which), &of(Which::Plain), |one, plain| one / plain)
}

fn aims_of(loads: &[(&str, Vec<Vec<Load>>)], held: &[Held]) -> Vec<Aim> {
    let mut aims = Vec::new();
    if let [(small, of_small), (large, of_large)] = loads {
        let cpu = |answer: &str, which: Which| {
            format!(
                "CPU of {}, {answer}, beside hyper-util alone",
                which.title()
            )
        };
        for (answer, rounds, which, most) in [
            (small, of_small, Which::Stack, 1.25),
            (small, of_small, Which::Client, 0.85),
            (large, of_large, Which::Stack, 1.0),
        ] {
            let ratio = cpu_ratio(rounds, which);
            aims.push(Aim::at_most(cpu(answer, which), most, "×", ratio));
        }
    }
    if let Some(stack) = held.last() {
        // hyper's own buffers and channel are 30 kB of it.
        let what = "heap of a silent request under the whole stack";
        aims.push(Aim::at_most(what, 33.0, "kB", stack.heap / 1e3));
    }
    aims
}

pub(super) fn section(loads: &[(&str, Vec<Vec<Load>>)], held: &[Held]) -> Section {
    let mut markdown = String::from(
        "One client over loopback, four requests at a time on kept connections; the server is a process of its own. CPU \
         is the client's; ratios are of the same round, to hyper-util alone.\n\n",
    );
    let mut table_of_loads = table([
        "",
        "answer",
        "CPU per request, µs",
        "×",
        "requests/s",
        "×",
        "page faults per request",
    ]);
    for (answer, rounds) in loads {
        for (which, one) in Which::ALL.into_iter().zip(rounds) {
            let of = |rounds: &[Load], f: fn(&Load) -> f64| -> Vec<f64> {
                rounds.iter().map(f).collect()
            };
            let row = |f: fn(&Load) -> f64| {
                let (one, plain) = (of(one, f), of(&rounds[0], f));
                let ratio = median_of_rounds(&one, &plain, |one, plain| one / plain);
                [figure(median(one)), format!("{ratio:.2}")]
            };
            let mut cells = vec![which.title().to_owned(), (*answer).to_owned()];
            cells.extend(row(|load| load.cpu_micros));
            cells.extend(row(|load| load.requests_per_second));
            let faults: Vec<_> = one.iter().filter_map(|load| load.page_faults).collect();
            cells.push(match faults.is_empty() {
                true => "–".to_owned(),
                false => format!("{:.2}", median(faults)),
            });
            table_of_loads.add_row(cells);
        }
    }
    let mut table_of_held = table(["", "held open", "heap each, bytes", "RSS each, bytes"]);
    for (which, held) in Which::ALL.into_iter().zip(held) {
        table_of_held.add_row([
            which.title().to_owned(),
            figure(held.count as f64),
            figure(held.heap),
            held.resident.map_or_else(|| "–".to_owned(), figure),
        ]);
    }
    let _ = write!(
        markdown,
        "{table_of_loads}\n\nRequests that wait for their answers, each on a connection of its own, and what each of them takes \
         in the client: task, connection with its buffers, and whatever the layers keep.\n\n{table_of_held}\n\n{}\n",
        aims(aims_of(loads, held)),
    );
    let bars: Vec<_> = Which::ALL
        .into_iter()
        .zip(held)
        .map(|(which, held)| (which.title(), held.heap))
        .collect();
    Section {
        title: "On the wire".to_owned(),
        markdown,
        plots: vec![(
            "wire.svg".to_owned(),
            plot::bars("Bytes on the heap per request held open", &bars),
        )],
    }
}
