//! Reading the workload out of request bodies.
//!
//! Everybody looks for the same two texts, `model` and `size`, and says whether the whole is sound JSON; what stands
//! between is one long text of base64, as a reference image is. `memchr`, which looks for a byte that is not there,
//! shows how fast the memory is.

mod bodies;
mod readers;

use std::{error::Error, hint::black_box};

use tokio::time::Instant;

use self::{
    bodies::{Body, Place},
    readers::READERS,
};
use crate::{
    plot,
    report::{Aim, Effort, Section, aims},
    statistics::{median, median_of_rounds},
    table::{figure, table},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer rounds
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let effort = Effort::quick_if(options.quick);
    println!("{}", section(effort)?.markdown);
    Ok(())
}

/// One body, and the seconds that each reader took for it in each round.
struct Measured {
    body: Body,
    seconds: Vec<Vec<f64>>,
}

pub(crate) fn section(effort: Effort) -> Result<Section, Box<dyn Error>> {
    let rounds = effort.pick(5, 40);
    let measured: Vec<_> = bodies::all()
        .into_iter()
        .map(|body| measure(body, rounds))
        .collect::<Result<_, _>>()?;
    Ok(Section {
        title: "Reading the workload".to_owned(),
        markdown: markdown(&measured),
        plots: vec![("workload.svg".to_owned(), plot_of(&measured))],
    })
}

fn measure(body: Body, rounds: usize) -> Result<Measured, String> {
    let mut seconds = vec![Vec::new(); READERS.len()];
    for reader in &READERS {
        if !(reader.read)(&body.head, &body.json) {
            return Err(format!(
                "{} does not find what stands in {}",
                reader.title,
                body.title()
            ));
        }
    }
    // Some two megabytes in a round, so that the clock's own time does not count.
    let times = (2_000_000 / body.json.len()).clamp(1, 2000);
    for _ in 0..rounds {
        for (reader, seconds) in READERS.iter().zip(&mut seconds) {
            let start = Instant::now();
            for _ in 0..times {
                black_box((reader.read)(black_box(&body.head), black_box(&body.json)));
            }
            #[expect(clippy::cast_precision_loss, reason = "at most 2000")]
            seconds.push(start.elapsed().as_secs_f64() / times as f64);
        }
    }
    Ok(Measured { body, seconds })
}

impl Measured {
    /// GB/s of a reader.
    fn speed(&self, reader: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "20 MB")]
        let bytes = self.body.json.len() as f64;
        bytes / median(self.seconds[reader].iter().copied()) / 1e9
    }

    /// Time of the detector, as a multiple of this reader's, round by round.
    fn times_as_long(&self, reader: usize) -> f64 {
        median_of_rounds(
            &self.seconds[readers::OURS],
            &self.seconds[reader],
            |ours, theirs| ours / theirs,
        )
    }
}

fn markdown(measured: &[Measured]) -> String {
    let mut headings = vec!["".to_owned()];
    headings.extend(READERS.iter().map(|reader| reader.title.to_owned()));
    let mut speeds = table(["body"; READERS.len() + 1]);
    speeds.set_header(headings);
    for one in measured {
        let mut row = vec![one.body.title()];
        row.extend((0..READERS.len()).map(|reader| figure(one.speed(reader))));
        speeds.add_row(row);
    }
    let mut list = Vec::new();
    for one in measured {
        match (one.body.title, one.body.place) {
            ("5 MB", Place::After) => list.push(Aim::at_least(
                format!("the detector, {}", one.body.title()),
                15.0,
                "GB/s",
                one.speed(readers::OURS),
            )),
            ("300 B", _) => list.push(Aim::at_most(
                format!(
                    "the detector's time beside serde_json's, {}",
                    one.body.title()
                ),
                1.5,
                "×",
                one.times_as_long(readers::SERDE_JSON),
            )),
            _ => {}
        }
    }
    format!(
        "GB/s, medians over rounds in turn. The detector reads every dialect's fields and every spelling of their keys; the \
         others look for `model` and `size` alone. The column of memchr shows how fast a byte is found that is not \
         there.\n\n{speeds}\n\n{}\n",
        aims(list)
    )
}

#[expect(clippy::cast_precision_loss, reason = "20 MB")]
fn plot_of(measured: &[Measured]) -> String {
    let lines: Vec<_> = READERS
        .iter()
        .enumerate()
        .map(|(at, reader)| {
            let after = measured.iter().filter(|one| one.body.place == Place::After);
            (
                reader.title,
                after
                    .map(|one| (one.body.json.len() as f64, one.speed(at)))
                    .collect(),
            )
        })
        .collect();
    plot::lines(
        "Reading the workload, the size behind the base64",
        ["bytes of the body", "GB/s"],
        &lines,
    )
}
