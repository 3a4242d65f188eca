//! The proxies that are measured, each a process of its own.
//!
//! Each is started on loopback and ended when dropped. nginx may be missing on a machine: it is then left out of the
//! tables, and its ratios are no numbers. The gateway's program has to lie beside this one, built in the same profile.

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use longhaul_gateway::config::{Config, UpstreamConfig};
use longhaul_testing::{Nginx, Running, free_port};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Duration, sleep},
};

use crate::child;

/// No call waits for a place, however many there are.
const PLACES: usize = 1 << 20;

/// Which proxy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    /// hyper's parts alone
    Bare,
    /// Longhaul's, with its ledger in memory, and no answer kept
    Gateway,
    /// The same with its ledger in SQLite
    WithSqlite,
    /// nginx with kept connections, one process, no log
    Nginx,
}

impl Which {
    pub(super) const ALL: [Self; 4] = [Self::Bare, Self::Gateway, Self::WithSqlite, Self::Nginx];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare proxy of hyper's",
            Self::Gateway => "longhaul-gateway",
            Self::WithSqlite => "longhaul-gateway, ledger in SQLite",
            Self::Nginx => "nginx",
        }
    }
}

/// A proxy that runs until it is dropped.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    pub(super) process: u32,
    _runs: Runs,
}

/// What keeps it running.
#[expect(dead_code, reason = "held until they are dropped")]
enum Runs {
    Child(OneOfUs, ChildStdin),
    Program(Running, TempDir),
    Nginx(Nginx),
}

/// Killed when it is dropped.
struct OneOfUs(Child);

impl Drop for OneOfUs {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The gateway's program, which lies beside this one.
pub(crate) fn program() -> Result<PathBuf, Box<dyn Error>> {
    let ours = env::current_exe()?;
    let program = ours.with_file_name("longhaul-gateway");
    match program.is_file() {
        true => Ok(program),
        false => Err(format!(
            "{} is missing: `cargo build --release -p longhaul-gateway`, in the profile of this program",
            program.display()
        )
        .into()),
    }
}

/// Starts it before `upstream`; `None`, said aloud, where the machine does not have it.
pub(super) async fn start(
    which: Which,
    upstream: SocketAddr,
) -> Result<Option<Proxy>, Box<dyn Error>> {
    match which {
        Which::Bare => bare(upstream).map(Some),
        Which::Gateway => gateway(upstream, "memory").await.map(Some),
        Which::WithSqlite => gateway(upstream, "ledger.db").await.map(Some),
        Which::Nginx => Ok(nginx(upstream)?),
    }
}

fn bare(upstream: SocketAddr) -> Result<Proxy, Box<dyn Error>> {
    let mut child = child::command(&["gateway", "--bare", &upstream.to_string()])?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("it was piped")?;
    let input = child.stdin.take().ok_or("it was piped")?;
    let process = child.id();
    let child = OneOfUs(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    Ok(Proxy {
        address: line.trim().parse()?,
        process,
        _runs: Runs::Child(child, input),
    })
}

async fn gateway(upstream: SocketAddr, ledger: &str) -> Result<Proxy, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut config = Config::default();
    config.listen = address;
    config.admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    config.ledger = ledger.to_owned();
    config.state = "memory".to_owned();
    config.replay.on = false;
    config.limits.connections = PLACES;
    let mut to = UpstreamConfig::new("measured", format!("http://{upstream}"));
    to.places = PLACES;
    config.upstreams.push(to);
    let file = folder.path().join("gateway.toml");
    fs::write(&file, config.to_toml()?)?;
    let mut command = Command::new(program()?);
    // nginx writes no log either.
    command.arg(file).env("RUST_LOG", "warn");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running::start(&mut command);
    while TcpStream::connect(address).await.is_err() {
        if !running.is_running() {
            return Err("the gateway does not start".into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(Proxy {
        address,
        process: running.id(),
        _runs: Runs::Program(running, folder),
    })
}

fn nginx(upstream: SocketAddr) -> Result<Option<Proxy>, Box<dyn Error>> {
    let Some(nginx) = Nginx::keeping_connections(upstream, "access_log off;") else {
        return Ok(None);
    };
    let address = nginx.url().trim_start_matches("http://").parse()?;
    Ok(Some(Proxy {
        address,
        process: nginx.process(),
        _runs: Runs::Nginx(nginx),
    }))
}
