//! The durable ledger: attempts a second, on SQLite and on PostgreSQL; and a ledger of a year.
//!
//! Each store is measured beside plain `INSERT`s of one small row into the same database: otherwise a slow disk would
//! look like a slow ledger.

mod large;
mod throughput;

use std::{error::Error, fmt::Write as _, path::Path, time::Duration};

use longhaul_ledger::DurableLedger;
use longhaul_testing::Postgres;
use tempfile::TempDir;

use self::throughput::Measured;
use crate::{
    plot,
    report::{Aim, Effort, Section, aims},
    table::{figure, table},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Shorter measurements, of a smaller ledger
    #[arg(long)]
    quick: bool,
    /// Only the ledger of a year, with so many attempts
    #[arg(long)]
    attempts: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let effort = Effort::quick_if(options.quick);
    let markdown = match options.attempts {
        Some(attempts) => write_large(&measure_large(&folder()?, attempts)?),
        None => section(effort)?.markdown,
    };
    println!("{markdown}");
    Ok(())
}

/// Attempts that wait at once.
const IN_FLIGHT: [usize; 3] = [1, 64, 1_000];

/// Attempts a second that are aimed at, with 64 in flight.
const AIMED_AT: usize = 64;
const AIM_SQLITE: f64 = 25_000.0;
const AIM_POSTGRES: f64 = 10_000.0;

/// Seconds that the report and the claims of one month may take.
const AIM_MONTH: f64 = 2.0;

/// One store's figures, by attempts in flight.
#[derive(Debug)]
struct Store {
    name: &'static str,
    ours: Vec<(usize, Measured)>,
    plain: Vec<(usize, f64)>,
}

pub(crate) fn section(effort: Effort) -> Result<Section, Box<dyn Error>> {
    let duration = effort.pick(Duration::from_millis(300), Duration::from_secs(10));
    let folder = folder()?;
    let disk = throughput::fdatasyncs(folder.path(), duration)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let stores = runtime.block_on(async {
        let mut stores = vec![sqlite(folder.path(), duration).await?];
        if let Some(server) = Postgres::start() {
            stores.push(postgres(&server, duration).await?);
        }
        Ok::<_, Box<dyn Error>>(stores)
    })?;
    let mut section = write(disk, &stores);
    let large = measure_large(&folder, effort.pick(100_000, 10_000_000))?;
    section.markdown.push_str(&write_large(&large));
    Ok(section)
}

/// Beside the program: a folder for temporary files may be in memory, where nothing is durable and all is quick.
fn folder() -> Result<TempDir, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(
        program.parent().unwrap_or(Path::new(".")),
    )?)
}

fn measure_large(folder: &TempDir, attempts: u64) -> Result<large::Measured, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(large::measure(folder.path(), attempts))
}

fn write_large(large: &large::Measured) -> String {
    let (report, claims) = (large.report.as_secs_f64(), large.claims.as_secs_f64());
    let aims = aims([
        Aim::at_most("report of a month", AIM_MONTH, "s", report),
        Aim::at_most("claims of a month", AIM_MONTH, "s", claims),
    ]);
    format!(
        "\nA ledger of a year on SQLite with {} attempts takes {} bytes an attempt. Of one month, `report` answers in \
         {report:.2} s, and `claims`, which finds {}, in {claims:.2} s.\n\n{aims}\n",
        figure(large.attempts as f64),
        figure(large.bytes_per_attempt),
        figure(large.claims_found as f64),
    )
}

async fn sqlite(folder: &Path, duration: Duration) -> Result<Store, Box<dyn Error>> {
    let mut store = Store::new("SQLite");
    for in_flight in IN_FLIGHT {
        let path = folder.join(format!("ledger-{in_flight}.db"));
        store
            .measure(&path.to_string_lossy(), in_flight, duration)
            .await?;
        let path = folder.join(format!("plain-{in_flight}.db"));
        let plain = throughput::plain_sqlite(&path, in_flight, duration).await?;
        store.plain.push((in_flight, plain));
        throughput::rest().await;
    }
    Ok(store)
}

async fn postgres(server: &Postgres, duration: Duration) -> Result<Store, Box<dyn Error>> {
    let mut store = Store::new("PostgreSQL");
    for in_flight in IN_FLIGHT {
        let url = server.database();
        store.measure(&url, in_flight, duration).await?;
        let plain = throughput::plain_postgres(&url, in_flight, duration).await?;
        store.plain.push((in_flight, plain));
        throughput::rest().await;
    }
    Ok(store)
}

impl Store {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            ours: Vec::new(),
            plain: Vec::new(),
        }
    }

    async fn measure(
        &mut self,
        location: &str,
        in_flight: usize,
        duration: Duration,
    ) -> Result<(), Box<dyn Error>> {
        let ledger = DurableLedger::open(location).await?;
        let measured = throughput::attempts(&ledger, in_flight, duration).await?;
        self.ours.push((in_flight, measured));
        ledger.close().await?;
        throughput::rest().await;
        Ok(())
    }

    /// Attempts a second with as many in flight as the aim is for.
    fn at_aim(&self) -> f64 {
        let at = self
            .ours
            .iter()
            .find(|(in_flight, _)| *in_flight == AIMED_AT);
        at.map_or(f64::NAN, |(_, measured)| measured.per_second)
    }
}

fn write(disk: f64, stores: &[Store]) -> Section {
    let mut markdown = format!(
        "Attempts opened and closed durably per second: the opening is on the disk before the attempt goes on, the closing \
         is handed over, and counts once it is on the disk too. Beside it one plain `INSERT` of a small row for each \
         attempt, which opens and never closes. The disk confirms {} writes of 512 bytes a second (`fdatasync`), one after \
         the other.\n\n",
        figure(disk)
    );
    let mut rows = table([
        "",
        "in flight",
        "attempts/s",
        "plain INSERTs/s",
        "close takes the caller, µs (median)",
        "(longest)",
    ]);
    for store in stores {
        for ((in_flight, measured), (_, plain)) in store.ours.iter().zip(&store.plain) {
            rows.add_row([
                store.name.to_owned(),
                figure(*in_flight as f64),
                figure(measured.per_second),
                figure(*plain),
                figure(measured.close.as_secs_f64() * 1e6),
                figure(measured.longest_close.as_secs_f64() * 1e6),
            ]);
        }
    }
    let _ = writeln!(markdown, "{rows}");
    let named = |name: &str| {
        stores
            .iter()
            .find(|store| store.name == name)
            .map_or(f64::NAN, Store::at_aim)
    };
    let aim = |name: &str, limit| {
        let what = format!("{name}, {AIMED_AT} in flight");
        Aim::at_least(what, limit, "attempts/s", named(name))
    };
    let aims = aims([aim("SQLite", AIM_SQLITE), aim("PostgreSQL", AIM_POSTGRES)]);
    let _ = writeln!(markdown, "\n{aims}");

    let names: Vec<_> = stores
        .iter()
        .flat_map(|store| {
            store
                .ours
                .iter()
                .zip(&store.plain)
                .flat_map(|((in_flight, ours), (_, plain))| {
                    let name = store.name;
                    [
                        (format!("{name}, {in_flight} in flight"), ours.per_second),
                        (
                            format!("{name}, {in_flight} in flight, plain INSERT"),
                            *plain,
                        ),
                    ]
                })
        })
        .collect();
    let bars: Vec<_> = names
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let plot = plot::bars("Attempts opened and closed durably per second", &bars);
    let _ = writeln!(markdown, "\n![](plots/ledger-throughput.svg)");
    Section {
        title: "The durable ledger".to_owned(),
        markdown,
        plots: vec![("ledger-throughput.svg".to_owned(), plot)],
    }
}
