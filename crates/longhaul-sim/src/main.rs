//! The simulated provider as a program.
//!
//! It prints its URL as its first line, so that a script can start it with port 0 and read where it is. The totals come
//! when it is interrupted, on the standard output too; errors go to the standard error, with exit status 1. All that it
//! does is in the library: it parses arguments and waits.

use std::{
    error::Error, io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration,
};

use clap::{Parser, ValueEnum};
use longhaul_sim::{
    Provider, Script, Totals, Weight,
    server::{Protocols, Server},
};

/// A simulated provider of generated pictures: OpenAI's images API and Gemini's native one, with faults by script.
///
/// Prints its URL, serves until it is interrupted, and then says what it received, charged and delivered.
#[derive(Debug, Parser)]
#[command(name = "longhaul-sim", version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8899")]
    listen: SocketAddr,

    /// How many times as fast as real time the provider runs
    #[arg(long, default_value_t = 1.0)]
    speed: f64,

    /// Seed for generation times and ids
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// Faults for the requests to come, one after the other, such as `overloaded*2,cut@60,none+takes@120`; a name that
    /// is not known lists all
    #[arg(long, default_value = "")]
    script: Script,

    /// Start the script over after its last item
    #[arg(long)]
    repeat: bool,

    /// A fixed generation time in seconds of provider time, instead of drawn ones
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    generation: Option<Duration>,

    /// Charge an idempotency key only once, which most relays do not
    #[arg(long)]
    idempotent: bool,

    /// Send pictures of a few kilobytes instead of real weight
    #[arg(long)]
    tiny: bool,

    /// Encrypt, with a certificate made for this run
    #[arg(long)]
    tls: bool,

    /// Where to write the certificate in PEM, for clients to trust
    #[arg(long, value_name = "FILE", requires = "tls")]
    certificate: Option<PathBuf>,

    /// Which HTTP versions to speak
    #[arg(long, value_enum, default_value_t = Http::Any)]
    http: Http,

    /// Print the totals as JSON
    #[arg(long)]
    json: bool,
}

/// As the command line names [`Protocols`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Http {
    Any,
    #[value(name = "1.1")]
    Http1,
    #[value(name = "2")]
    Http2,
}

impl From<Http> for Protocols {
    fn from(http: Http) -> Self {
        match http {
            Http::Any => Self::Any,
            Http::Http1 => Self::Http1,
            Http::Http2 => Self::Http2,
        }
    }
}

/// Parses a span of the command line; negative numbers, “nan” and what does not fit a [`Duration`] are refused with a
/// message.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longhaul-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Everything between the arguments and the exit status.
async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let script = if arguments.repeat {
        arguments.script.repeating()
    } else {
        arguments.script
    };
    let mut builder = Provider::builder()
        .speed(arguments.speed)
        .seed(arguments.seed)
        .script(script)
        .idempotent(arguments.idempotent)
        .image_weight(if arguments.tiny {
            Weight::Tiny
        } else {
            Weight::Real
        });
    if let Some(generation) = arguments.generation {
        builder = builder.generation(generation);
    }
    let provider = builder.build()?;
    let server = Server::builder(provider.clone())
        .listen(arguments.listen)
        .tls(arguments.tls)
        .protocols(arguments.http.into())
        .start()
        .await
        .map_err(|error| format!("cannot listen at {}: {error}", arguments.listen))?;
    if let (Some(path), Some(pem)) = (&arguments.certificate, server.certificate_pem()) {
        std::fs::write(path, pem)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.url())?;
    out.flush()?;

    interrupted().await?;
    server.shutdown().await;
    let totals = provider.oracle().totals();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&totals)?)?;
    } else {
        out.write_all(table(&totals).as_bytes())?;
    }
    Ok(())
}

/// Ctrl-C, or what a supervisor sends.
async fn interrupted() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ended = tokio::signal::ctrl_c() => ended,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// The totals for people; `--json` prints the same numbers for programs.
fn table(totals: &Totals) -> String {
    let dollars = |micros: u64| format!("${:.4}", micros as f64 / 1e6);
    [
        ("requests", totals.requests.to_string()),
        ("  tasks among them", totals.tasks.to_string()),
        ("  read whole", totals.read_whole.to_string()),
        ("  work done", totals.generated.to_string()),
        ("  work still running", totals.running.to_string()),
        ("  charged", totals.charged.to_string()),
        ("  delivered", totals.delivered.to_string()),
        (
            "  charged, not delivered",
            totals.charged_undelivered.to_string(),
        ),
        ("polls", totals.polls.to_string()),
        ("links fetched", totals.links_fetched.to_string()),
        ("refusals", totals.refused.to_string()),
        ("charged", dollars(totals.charged_micros)),
        ("  of it not delivered", dollars(totals.undelivered_micros)),
    ]
    .map(|(name, value)| format!("{name:<26}{value:>12}\n"))
    .concat()
}
