//! The program itself, on a folder of its own.

mod browser;
mod commands;
mod decisions;
mod ending;
mod gauges;
mod held;
mod leaving;
#[cfg(feature = "otlp")]
mod otlp;
mod outage;
mod page;
mod reload;
mod replicas;
mod secrets;
#[cfg(feature = "cloud")]
mod store;
mod task_kills;
mod tasks;

use std::{
    env,
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use longhaul_gateway::config::{Config, ProviderKey, UpstreamConfig};
use longhaul_sim::{Provider, server::Server as SimServer};
use longhaul_testing::free_port;
use tokio::task::JoinHandle;

use crate::{
    holding::{Holding, order},
    support::{Answer, PICTURE, get, patient_policy, policy, post, provider},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_longhaul-gateway");
const PATH: &str = "/v1/images/generations";

/// The program with a configuration of its own, killed when it is dropped.
struct Program {
    child: Child,
    url: String,
    admin: String,
}

impl Program {
    /// Starts it in `folder` before `upstream`, and waits until it answers.
    async fn start(folder: &Path, upstream: &str, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(folder, upstream, &[], change).await
    }

    /// The same with these variables in its environment.
    async fn start_in(
        folder: &Path,
        upstream: &str,
        environment: &[(&str, &str)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut command = Command::new(PROGRAM);
        command.env("RUST_LOG", "trace");
        command.envs(environment.iter().copied());
        Self::launch(command, folder, upstream, change).await
    }

    /// The same for many calls: with a short log, and in the time of people.
    async fn before(provider: &Holding, folder: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut command = Command::new(PROGRAM);
        command.env("RUST_LOG", "info");
        let change = |config: &mut Config| {
            config.upstreams[0].policy = patient_policy();
            change(config);
        };
        Self::launch(command, folder, &provider.url, change).await
    }

    /// Starts it by `command`.
    async fn launch(
        mut command: Command,
        folder: &Path,
        upstream: &str,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::default();
        let local = |port| format!("127.0.0.1:{port}").parse().unwrap();
        (config.listen, config.admin) = (local(free_port()), local(free_port()));
        config.drain = Duration::from_secs(60);
        let mut to = UpstreamConfig::new("sim", upstream);
        to.key = Some(ProviderKey::File("provider.key".into()));
        to.policy = policy();
        config.upstreams.push(to);
        change(&mut config);
        // What is in force is shown without a URL's user and password, so that they come by the environment.
        for (name, place) in [
            ("TEST_STATE", &mut config.state),
            ("TEST_LEDGER", &mut config.ledger),
        ] {
            if place.contains("://") {
                let url = std::mem::replace(place, format!("${{{name}}}"));
                command.env(name, url);
            }
        }
        std::fs::write(folder.join("provider.key"), "sk-secret-of-the-provider\n").unwrap();
        std::fs::write(folder.join("gateway.toml"), config.to_toml().unwrap()).unwrap();
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let child = command
            .arg(folder.join("gateway.toml"))
            // Configurations hold no users of databases.
            .env("PGUSER", "longhaul")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Self {
            child,
            url: format!("http://{}", config.listen),
            admin: format!("http://{}", config.admin),
        };
        for _ in 0..400 {
            let ready = tokio::net::TcpStream::connect(config.listen).await;
            if ready.is_ok() {
                return program;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(folder.join("log"));
        panic!("the gateway does not listen: {}", log.unwrap_or_default());
    }

    async fn picture(&self, headers: &[(&str, &str)]) -> Answer {
        post(&format!("{}{PATH}", self.url), PICTURE, headers).await
    }

    /// Asks for a picture of `prompt`.
    fn ask(&self, prompt: &str, headers: &[(&'static str, &str)]) -> JoinHandle<Answer> {
        let (url, body) = (format!("{}{PATH}", self.url), order(prompt));
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        tokio::spawn(async move {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, &**value))
                .collect();
            post(&url, &body, &headers).await
        })
    }

    /// What it tells Prometheus.
    async fn metrics(&self) -> String {
        let metrics = get(&format!("{}/metrics", self.admin), &[]).await;
        String::from_utf8(metrics.body.unwrap().to_vec()).unwrap()
    }

    /// Bytes of memory that it has from the system; `None` where there is no `/proc`.
    fn memory(&self) -> Option<usize> {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kilobytes * 1024)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number behind the metric of this name with all these labels.
fn told(metrics: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let lines = metrics.lines().filter(|line| {
        line.split(['{', ' ']).next() == Some(name)
            && labels.iter().all(|label| line.contains(label))
    });
    let numbers = lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    numbers.reduce(|sum, number| sum + number)
}

/// A number from the environment: how long a test goes on, or how much it does.
fn from_environment(name: &str, otherwise: usize) -> usize {
    let asked = env::var(name).ok();
    asked.map_or(otherwise, |number| {
        number
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {number}"))
    })
}

async fn sim(script: &str) -> (Provider, SimServer) {
    let provider = provider(script);
    let server = SimServer::start(provider.clone()).await.unwrap();
    (provider, server)
}
