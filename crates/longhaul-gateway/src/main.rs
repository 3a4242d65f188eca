//! The gateway as a program.
//!
//! It is made of the library's public parts alone, in the order in which a server of one's own would use them:
//! telemetry, the lock of `state`, the gateway, two listeners, and at the end drain, idle, stop, close. What is
//! decided here and nowhere else are the clocks of the end: `drain` for calls in flight, 30 s for writing down what
//! was ended.
//!
//! Tests: `tests/gateway/program/`, which start and kill it as a supervisor does.

mod cli;

use std::{error::Error, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use longhaul_gateway::{
    caller::new_key,
    config::{Config, KeyConfig},
    demo::{Demo, introduction},
    gateway::Gateway,
    replay::StateLock,
    server::{Admin, Server, open_more_files, stop_signal},
    telemetry::{LogForm, Recorder},
};
use longhaul_ledger::Location;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

/// A call makes some hundred small allocations, on one thread, and frees them on another: what this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A gateway for HTTP calls that take minutes and cost money.
///
/// Clients change their base URL to it, and keep everything else.
#[derive(Debug, Parser)]
#[command(
    name = "longhaul-gateway",
    version,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// The configuration
    #[arg(default_value = "gateway.toml")]
    file: PathBuf,

    /// Start with a simulated provider behind it, without a configuration
    #[arg(long)]
    demo: bool,

    /// Show the page of a ledger that other programs write, and do nothing else; it is only read
    #[arg(long, value_name = "URL|FILE", conflicts_with_all = ["demo", "check", "file"])]
    ledger: Option<Location>,

    /// Where that page is
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8788",
        requires = "ledger"
    )]
    page: SocketAddr,

    /// Print the configuration in force, and do nothing else
    #[arg(long)]
    check: bool,

    /// Write the log as JSON
    #[arg(long)]
    json_log: bool,
}

/// How long it may take to write down what was ended.
const LAST_WORDS: Duration = Duration::from_secs(30);
/// Between two looks at what is in flight.
const MEASURED: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
enum Command {
    /// Keys for callers
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Fetch what a gateway that is gone had ordered, paid for and not collected
    Collect(cli::collect::Options),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key: the key itself, shown once, and what goes into the configuration
    New {
        /// What logs and metrics call its owner
        name: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longhaul-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    match arguments.command {
        Some(Command::Key {
            command: KeyCommand::New { name },
        }) => return print_key(name),
        Some(Command::Collect(options)) => return cli::collect::run(options).await,
        None => {}
    }
    let log = match arguments.json_log {
        true => LogForm::Json,
        false => LogForm::Text,
    };
    if let Some(ledger) = arguments.ledger {
        Recorder::install(log)?;
        return cli::page::run(&ledger, arguments.page).await;
    }
    if arguments.demo {
        let demo = Demo::start().await?;
        return serve(log, demo.config.clone(), None, Some(&demo)).await;
    }
    let config = Config::load(&arguments.file)?;
    if arguments.check {
        print!("{}", config.to_toml()?);
        return Ok(());
    }
    serve(log, config, Some(arguments.file), None).await
}

/// The key goes to standard output once, and into no file.
fn print_key(name: String) -> Result<(), Box<dyn Error>> {
    #[derive(serde::Serialize)]
    struct Keys {
        keys: Vec<KeyConfig>,
    }
    let (key, sha256) = new_key()?;
    let keys = Keys {
        keys: vec![KeyConfig::new(name, sha256)],
    };
    println!("# The key, shown this once; its owner sends it as it would send the provider's:");
    println!("# {key}");
    println!("# For the configuration:");
    print!("{}", toml::to_string(&keys)?);
    Ok(())
}

/// `file` is followed while it runs; the demonstration has none. The state's lock is held until the end.
async fn serve(
    log: LogForm,
    config: Config,
    file: Option<PathBuf>,
    demo: Option<&Demo>,
) -> Result<(), Box<dyn Error>> {
    let recorder = Recorder::install(log)?;
    open_more_files();
    let _state = StateLock::take(&config.state)?;
    let gateway = Gateway::new(&config).await?;
    let bind = async |key: &str, address: SocketAddr| {
        Server::bind(address, config.limits.clone())
            .await
            .map_err(|error| format!("`{key}`: {address}: {error}"))
    };
    let server = bind("listen", config.listen).await?;
    let admin_server = bind("admin", config.admin).await?;
    let (address, admin_address) = (server.address()?, admin_server.address()?);
    tracing::info!(%address, admin = %admin_address, "listening");
    if demo.is_some() {
        println!(
            "{}",
            introduction(&address.to_string(), &admin_address.to_string())
        );
    }

    if let Some(file) = file {
        let (followed, config) = (gateway.clone(), config.clone());
        tokio::spawn(async move { followed.follow(file, config).await });
    }

    // Whoever looks at the metrics brings the gauges up to date; a collector does not look.
    let measured = gateway.clone();
    tokio::spawn(async move {
        loop {
            measured.measure();
            tokio::time::sleep(MEASURED).await;
        }
    });

    // It stays until calls have finished: whoever waits for that looks here.
    let admin = Admin::new(&gateway, recorder.clone());
    let admin_handler = move |request| {
        let admin = admin.clone();
        async move { admin.answer(request).await }
    };
    tokio::spawn(admin_server.serve(admin_handler, std::future::pending(), Duration::ZERO));

    let (answering, draining) = (gateway.clone(), gateway.clone());
    let handler = move |request| {
        let gateway = answering.clone();
        async move { gateway.answer(request).await }
    };
    let (stopped, stop_time) = oneshot::channel();
    let stop = async move {
        stop_signal().await;
        tracing::info!(
            in_flight = draining.in_flight(),
            "stopping: calls in flight may finish"
        );
        draining.drain();
        let _ = stopped.send(Instant::now());
    };
    let finished = server.serve(handler, stop, config.drain).await;
    // Operations whose callers have left finish too, within the same time.
    let stopped = stop_time.await.unwrap_or_else(|_| Instant::now());
    let left = config.drain.saturating_sub(stopped.elapsed());
    let finished = finished && timeout(left, gateway.idle()).await.is_ok();
    if !finished {
        tracing::warn!("calls were still in flight when the time was over");
        // Their outcomes are written down, unless the database is gone.
        if timeout(LAST_WORDS, gateway.stop()).await.is_err() {
            tracing::error!("not every call that was ended could be written down");
        }
    }
    gateway.close().await;
    recorder.shut_down().await;
    if let Some(demo) = demo {
        println!(
            "What the provider says: {:#?}",
            demo.provider.oracle().totals()
        );
    }
    Ok(())
}
