//! The program itself, on a folder of its own.

mod commands;
mod ending;
mod page;
mod reload;
mod secrets;
mod task_kills;
mod tasks;

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use longhaul_gateway::config::{Config, ProviderKey, UpstreamConfig};
use longhaul_sim::{Provider, server::Server as SimServer};
use longhaul_testing::free_port;

use crate::support::{Answer, PICTURE, policy, post, provider};

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
        let mut config = Config::default();
        let local = |port| format!("127.0.0.1:{port}").parse().unwrap();
        (config.listen, config.admin) = (local(free_port()), local(free_port()));
        config.drain = Duration::from_secs(60);
        let mut to = UpstreamConfig::new("sim", upstream);
        to.key = Some(ProviderKey::File("provider.key".into()));
        to.policy = policy();
        config.upstreams.push(to);
        change(&mut config);
        std::fs::write(folder.join("provider.key"), "sk-secret-of-the-provider\n").unwrap();
        std::fs::write(folder.join("gateway.toml"), config.to_toml().unwrap()).unwrap();
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let child = Command::new(PROGRAM)
            .arg(folder.join("gateway.toml"))
            .env("RUST_LOG", "trace")
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
        panic!("the gateway does not listen");
    }

    async fn picture(&self, headers: &[(&str, &str)]) -> Answer {
        post(&format!("{}{PATH}", self.url), PICTURE, headers).await
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

async fn sim(script: &str) -> (Provider, SimServer) {
    let provider = provider(script);
    let server = SimServer::start(provider.clone()).await.unwrap();
    (provider, server)
}
