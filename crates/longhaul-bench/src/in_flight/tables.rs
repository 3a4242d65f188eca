//! The section on operations in flight: bytes and times for each, by how many wait at once, and what is held of request
//! bodies.

use std::fmt::Write;

use super::{
    CONTENDERS, Crowd, Figures,
    replay::{BODY, Retained},
};
use crate::{
    contenders::names,
    plot,
    report::{Aim, Section, aims},
    table::{figure, table},
};

pub(super) fn section(crowds: &[Crowd], left_out: &[usize], replay: &Retained) -> Section {
    let mut markdown = String::from(
        "Per operation while all of them wait for their answers: bytes on the heap and of the process, and the time to \
         start one and to finish one, on memory that was touched before. Below the bare service, which holds the boxed future alone, everything is beyond it.\n\n",
    );
    let mut table = table([
        "",
        "at once",
        "heap",
        "RSS",
        "start, ns",
        "finish in order, ns",
        "finish at random, ns",
    ]);
    for crowd in crowds {
        table.add_row(row(crowd, crowds));
    }
    let _ = writeln!(markdown, "{table}");
    for count in left_out {
        let _ = writeln!(
            markdown,
            "\n{} at once: left out, there is not enough memory.",
            figure(*count as f64)
        );
    }
    let _ = write!(
        markdown,
        "\n{}\n\n{}",
        aims(aims_of(crowds)),
        of_replay(replay)
    );
    Section {
        title: "In flight".to_owned(),
        markdown,
        plots: vec![
            (
                "in-flight-bytes.svg".to_owned(),
                plot_of(
                    crowds,
                    "Bytes on the heap per operation in flight",
                    "bytes",
                    |f| f.heap,
                ),
            ),
            (
                "in-flight-start.svg".to_owned(),
                plot_of(crowds, "Time to start an operation", "ns", |f| {
                    f.start_nanoseconds
                }),
            ),
            ("replay.svg".to_owned(), plot_of_replay(replay)),
        ],
    }
}

fn row(crowd: &Crowd, crowds: &[Crowd]) -> [String; 7] {
    let (title, beyond): (_, fn(f64, f64) -> f64) = if crowd.name == names::BARE {
        (format!("{}, in all", crowd.title), |one, _| one)
    } else {
        (format!("+ {}", crowd.title), |one, bare| one - bare)
    };
    let (one, bare) = (
        &crowd.as_started,
        &of(crowds, names::BARE, crowd.count).as_started,
    );
    let resident = match (one.resident, bare.resident) {
        (Some(one), Some(bare)) => figure(beyond(one, bare)),
        _ => "–".to_owned(),
    };
    let at_random = &of(crowds, names::BARE, crowd.count).at_random;
    [
        title,
        figure(crowd.count as f64),
        figure(beyond(one.heap, bare.heap)),
        resident,
        figure(beyond(one.start_nanoseconds, bare.start_nanoseconds)),
        figure(beyond(one.finish_nanoseconds, bare.finish_nanoseconds)),
        figure(beyond(
            crowd.at_random.finish_nanoseconds,
            at_random.finish_nanoseconds,
        )),
    ]
}

fn of<'c>(crowds: &'c [Crowd], name: &str, count: usize) -> &'c Crowd {
    crowds
        .iter()
        .find(|crowd| crowd.name == name && crowd.count == count)
        .expect("every contender is measured with every count")
}

fn aims_of(crowds: &[Crowd]) -> Vec<Aim> {
    let counts = || crowds.iter().map(|crowd| crowd.count);
    let (Some(fewest), Some(most)) = (counts().min(), counts().max()) else {
        return Vec::new();
    };
    let beyond = |count, figure: fn(&Figures) -> f64| {
        let one = |name| figure(&of(crowds, name, count).as_started);
        one(names::STACK) - one(names::BARE)
    };
    let absolute =
        |count, figure: fn(&Figures) -> f64| figure(&of(crowds, names::STACK, count).as_started);
    let at = figure(most as f64);
    let growth = |figure: fn(&Figures) -> f64| absolute(most, figure) / absolute(fewest, figure);
    vec![
        Aim::at_most(
            format!("bytes of our whole stack beyond bare, {at} at once"),
            2000.0,
            "bytes",
            beyond(most, |f| f.heap),
        ),
        Aim::at_most(
            format!("time to start one, {at} at once"),
            3.0,
            "µs",
            absolute(most, |f| f.start_nanoseconds) / 1e3,
        ),
        Aim::at_most(
            format!(
                "growth of bytes each from {} to {at}",
                figure(fewest as f64)
            ),
            1.5,
            "×",
            growth(|f| f.heap),
        ),
        Aim::at_most(
            "growth of the time to start one",
            1.2,
            "×",
            growth(|f| f.start_nanoseconds),
        ),
        Aim::at_most(
            "growth of the time to finish one in order",
            1.5,
            "×",
            growth(|f| f.finish_nanoseconds),
        ),
    ]
}

fn of_replay(replay: &Retained) -> String {
    let mut table = table(["calls at once", "bodies, MB", "held on the heap, MB"]);
    for (count, bytes) in &replay.held {
        table.add_row([
            figure(*count as f64),
            figure((count * BODY) as f64 / 1e6),
            figure(*bytes as f64 / 1e6),
        ]);
    }
    let most = replay
        .held
        .iter()
        .map(|(_, bytes)| *bytes)
        .max()
        .unwrap_or_default();
    let cap = replay.cap as f64 / 1e6;
    // Futures, and the piece of a body that is passing.
    let aim = Aim::at_most(
        "bytes held for all calls of a client, with 2 % for all else",
        1.02 * cap,
        "MB",
        most as f64 / 1e6,
    );
    format!(
        "### Held for replay\n\nCalls of 5 MB each, all pending, of one client with `client_replay_limit` at {} MB (its default is \
         1,074 MB). Above it a body streams once, and its operation has a single attempt.\n\n{table}\n\n{}\n",
        figure(cap),
        aims([aim]),
    )
}

fn plot_of(crowds: &[Crowd], title: &str, unit: &str, figure: fn(&Figures) -> f64) -> String {
    let lines: Vec<_> = CONTENDERS
        .iter()
        .filter_map(|name| {
            let of_name = || crowds.iter().filter(|crowd| crowd.name == *name);
            let points = of_name().map(|crowd| (crowd.count as f64, figure(&crowd.as_started)));
            Some((of_name().next()?.title.as_str(), points.collect()))
        })
        .collect();
    plot::lines(title, ["operations at once", unit], &lines)
}

fn plot_of_replay(replay: &Retained) -> String {
    let held = replay
        .held
        .iter()
        .map(|(count, bytes)| (*count as f64, *bytes as f64 / 1e6));
    let bodies = replay
        .held
        .iter()
        .map(|(count, _)| (*count as f64, (count * BODY) as f64 / 1e6));
    plot::lines(
        "Request bodies held for replay by one client",
        ["calls of 5 MB at once", "MB"],
        &[
            ("their bodies", bodies.collect()),
            ("held by the stack", held.collect()),
        ],
    )
}
