//! The gateway as a program.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use longhaul_gateway::{
    caller::new_key,
    config::{Config, KeyConfig},
    gateway::Gateway,
    server::{Server, stop_signal},
};
use tracing_subscriber::EnvFilter;

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

    /// Print the configuration in force, and do nothing else
    #[arg(long)]
    check: bool,

    /// Write the log as JSON
    #[arg(long)]
    json_log: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keys for callers
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
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
    if let Some(Command::Key { command }) = arguments.command {
        let KeyCommand::New { name } = command;
        return print_key(name);
    }
    let config = Config::load(&arguments.file)?;
    if arguments.check {
        print!("{}", config.to_toml()?);
        return Ok(());
    }
    log(arguments.json_log);
    serve(config).await
}

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

fn log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    let gateway = Gateway::new(&config).await?;
    let server = Server::bind(config.listen, config.limits.clone())
        .await
        .map_err(|error| format!("`listen`: {}: {error}", config.listen))?;
    tracing::info!(address = %server.address()?, "listening");
    let (answering, draining) = (gateway.clone(), gateway.clone());
    let handler = move |request| {
        let gateway = answering.clone();
        async move { gateway.answer(request).await }
    };
    let stop = async move {
        stop_signal().await;
        tracing::info!(
            in_flight = draining.in_flight(),
            "stopping: calls in flight may finish"
        );
        draining.drain();
    };
    let finished = server.serve(handler, stop, config.drain).await;
    // Operations whose callers have left finish too.
    let finished = finished
        && tokio::time::timeout(config.drain, gateway.idle())
            .await
            .is_ok();
    if !finished {
        tracing::warn!("calls were still in flight when the time was over");
    }
    gateway.close().await;
    Ok(())
}
