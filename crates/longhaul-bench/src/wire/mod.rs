//! One client on real sockets.
//!
//! The server is a process of its own, so that its CPU time and memory are not the client's; each measurement of a
//! client is another.

mod clients;
mod held;
mod load;
mod server;
mod tables;

use std::{error::Error, net::SocketAddr};

use clap::ValueEnum;

pub(crate) use self::{
    clients::{plain, send},
    server::{ANSWER, HELD, HOLD, Running},
};
use crate::report::{Effort, Section};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer requests
    #[arg(long)]
    quick: bool,
    /// Only be the server; its address is printed
    #[arg(long)]
    serve: bool,
    /// Only this client, in this process, against --server; the figures are printed as JSON
    #[arg(long, value_enum, requires = "server", conflicts_with = "serve")]
    one: Option<Which>,
    /// With --one: where the server is
    #[arg(long, value_name = "ADDRESS")]
    server: Option<SocketAddr>,
    /// With --one: bytes of each answer
    #[arg(long, default_value_t = 1 << 10)]
    answer: usize,
    /// With --one: how many requests
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// With --one: keep all of them open at once, unanswered, and measure memory
    #[arg(long)]
    hold: bool,
}

/// Which client.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Which {
    /// hyper-util's, as it comes
    Plain,
    /// longhaul-hyper's without a layer
    Client,
    /// longhaul-hyper's under the whole stack
    Stack,
}

impl Which {
    const ALL: [Self; 3] = [Self::Plain, Self::Client, Self::Stack];

    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Client => "client",
            Self::Stack => "stack",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Plain => "hyper-util alone",
            Self::Client => "longhaul-hyper without layers",
            Self::Stack => "longhaul-hyper with the whole stack",
        }
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if options.serve {
        return server::serve();
    }
    if let (Some(which), Some(server)) = (options.one, options.server) {
        let figures = if options.hold {
            serde_json::to_string(&held::measure(which, server, options.count)?)?
        } else {
            serde_json::to_string(&load::measure(
                which,
                server,
                options.answer,
                options.count,
            )?)?
        };
        println!("{figures}");
        return Ok(());
    }
    let effort = Effort::quick_if(options.quick);
    println!("{}", section(effort)?.markdown);
    Ok(())
}

/// Bytes of an answer, and how many requests are sent in one round.
const ANSWERS: [(&str, usize, usize, usize); 2] = [
    ("1 KiB", 1 << 10, 2_000, 10_000),
    ("10 MB", 10_000_000, 20, 100),
];

pub(crate) fn section(effort: Effort) -> Result<Section, Box<dyn Error>> {
    let server = Running::start()?;
    let mut loads = Vec::new();
    for (title, answer, few, many) in ANSWERS {
        let mut rounds = vec![Vec::new(); Which::ALL.len()];
        for _ in 0..effort.pick(2, 7) {
            for (which, rounds) in Which::ALL.into_iter().zip(&mut rounds) {
                rounds.push(load::ask(
                    which,
                    server.address(),
                    answer,
                    effort.pick(few, many),
                )?);
            }
        }
        loads.push((title, rounds));
    }
    let count = effort.pick(1_000, 5_000);
    let held = Which::ALL
        .into_iter()
        .map(|which| held::ask(which, server.address(), count))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(tables::section(&loads, &held))
}
