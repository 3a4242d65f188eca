//! The gateway beside a bare proxy of hyper's and nginx: what a call costs that waits, and one that is answered.
//!
//! The server behind them, the callers and each proxy are processes of their own; measured is the proxy's alone.

mod bare;
mod measure;
mod proxies;
mod tables;

use std::{error::Error, net::SocketAddr};

pub(crate) use self::proxies::program;
use self::{measure::Load, proxies::Which};
use crate::{
    process,
    report::{Effort, Section},
    wire::Running,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer calls
    #[arg(long)]
    quick: bool,
    /// Only be the bare proxy before this server; its address is printed
    #[arg(long, value_name = "ADDRESS")]
    bare: Option<SocketAddr>,
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let Some(upstream) = options.bare {
        return bare::serve(upstream);
    }
    println!("{}", section(Effort::quick_if(options.quick))?.markdown);
    Ok(())
}

/// Bytes of an answer, and how many calls are made in one round.
const ANSWERS: [(&str, usize, usize, usize); 2] = [
    ("1 KiB", 1 << 10, 1_000, 20_000),
    ("10 MB", 10_000_000, 12, 200),
];

/// Proxy by proxy, round by round.
type Rounds = Vec<(Which, Vec<Load>)>;

/// What was measured of all proxies that there are.
struct Figures {
    /// Of each answer.
    loads: Vec<(&'static str, Rounds)>,
    /// Bytes for each call that is held.
    held: Vec<(Which, f64)>,
    /// How many were held at a time.
    count: usize,
}

pub(crate) fn section(effort: Effort) -> Result<Section, Box<dyn Error>> {
    program()?;
    process::open_more_files();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { Ok(tables::section(&figures(effort).await?)) })
}

async fn figures(effort: Effort) -> Result<Figures, Box<dyn Error>> {
    let server = Running::start()?;
    let start = async |which| -> Result<_, Box<dyn Error>> {
        let proxy = proxies::start(which, server.address()).await?;
        Ok(proxy.map(|proxy| (which, proxy)))
    };
    let mut proxies = Vec::new();
    for which in Which::ALL {
        proxies.extend(start(which).await?);
    }
    let mut loads = Vec::new();
    for (title, answer, few, many) in ANSWERS {
        let mut rounds: Rounds = proxies
            .iter()
            .map(|(which, _)| (*which, Vec::new()))
            .collect();
        for _ in 0..effort.pick(2, 7) {
            for ((which, proxy), (_, rounds)) in proxies.iter().zip(&mut rounds) {
                let mut count = effort.pick(few, many);
                if *which == Which::WithSqlite {
                    // Each call waits for the disk twice.
                    count = count.div_ceil(4);
                }
                let load = measure::load(proxy, answer, count).await;
                rounds.push(load.map_err(|error| error as Box<dyn Error>)?);
            }
        }
        loads.push((title, rounds));
    }
    drop(proxies);
    let count = effort.pick(500, 4_000);
    let mut held = Vec::new();
    for which in Which::ALL {
        // On memory that nobody used before.
        let Some((_, proxy)) = start(which).await? else {
            continue;
        };
        let each = measure::held(&proxy, server.address(), count).await;
        held.push((which, each.map_err(|error| error as Box<dyn Error>)?));
    }
    Ok(Figures { loads, held, count })
}
