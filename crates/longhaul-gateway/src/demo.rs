//! A gateway with a simulated provider behind it, to try what it does.
//!
//! No key, no money, and faults on purpose: `longhaul-gateway --demo` meets an overload, a connection that is cut and a proxy that
//! gives up, in seconds instead of minutes.

use std::io;

use longhaul_sim::{Provider, Script, Weight, server::Server};
use tempfile::TempDir;

use crate::{
    config::{Config, UpstreamConfig},
    core::{ConfigError, Money, Policy, PriceRow},
};

/// How many times as fast as real time the provider runs.
///
/// A picture of 100 s is there in 10; heartbeats and limits are scaled with it.
const SPEED: f64 = 10.0;

/// What happens to the first calls; later ones go well.
///
/// By the simulator's own names of faults: see `longhaul_sim::Script`.
const SCRIPT: &str = "overloaded, none, cut@60, none, gateway-timeout@60, none";

/// A simulated provider, and the configuration of a gateway in front of it.
///
/// ```no_run
/// use longhaul_gateway::{demo::Demo, gateway::Gateway};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let demo = Demo::start().await?;
/// let gateway = Gateway::new(&demo.config).await?;
/// // … call it, and compare what it says with what really happened:
/// println!("{:?}", demo.provider.oracle().totals());
/// # Ok(()) }
/// ```
///
/// Not for measurements: everything runs in one process, and times are a tenth of real ones.
#[derive(Debug)]
pub struct Demo {
    /// Where the gateway listens, and where calls go.
    pub config: Config,
    /// The provider, with its oracle.
    pub provider: Provider,
    _upstream: Server,
    _folder: TempDir,
}

impl Demo {
    /// Starts the provider. Everything that the gateway writes goes into a folder that is removed at the end.
    ///
    /// # Errors
    ///
    /// Where there is no free port, or no room for a folder.
    pub async fn start() -> Result<Self, io::Error> {
        let script: Script = SCRIPT.parse().map_err(io::Error::other)?;
        let provider = Provider::builder()
            .speed(SPEED)
            .script(script)
            .image_weight(Weight::Light)
            .build()
            .map_err(io::Error::other)?;
        let upstream = Server::start(provider.clone()).await?;
        let folder = tempfile::tempdir()?;
        let config = config(&upstream.url(), &folder).map_err(io::Error::other)?;
        Ok(Self {
            config,
            provider,
            _upstream: upstream,
            _folder: folder,
        })
    }
}

/// A price for everything, so that page and headers have amounts.
fn config(upstream: &str, folder: &TempDir) -> Result<Config, ConfigError> {
    let mut simulated = UpstreamConfig::new("simulated", upstream);
    simulated.policy = Policy::nano_banana_pro().scaled(1.0 / SPEED)?;
    simulated.policy.billing.prices = vec![PriceRow::new("*", "*", Money::usd_micros(240_000))];
    let mut config = Config::default();
    config.heartbeat.after = config.heartbeat.after.div_f64(SPEED);
    config.heartbeat.every = config.heartbeat.every.div_f64(SPEED);
    config.ledger = folder.path().join("ledger.db").display().to_string();
    config.state = folder.path().join("gateway.db").display().to_string();
    config.replay.folder = folder.path().join("answers");
    config.upstreams.push(simulated);
    config.validate()?;
    Ok(config)
}

/// What a person types to try it.
///
/// ```
/// let text = longhaul_gateway::demo::introduction("127.0.0.1:8787", "127.0.0.1:8788");
/// assert!(text.contains("curl -sN http://127.0.0.1:8787/v1/images/generations"));
/// ```
pub fn introduction(address: &str, admin: &str) -> String {
    format!(
        "A gateway with a simulated provider behind it, ten times as fast as a real one.\n\
         Ask it for a picture:\n\n  \
         curl -sN http://{address}/v1/images/generations -H 'content-type: application/json' \\\n    \
         -H 'idempotency-key: cat-1' -d '{{\"model\": \"nano-banana-pro\", \"prompt\": \"a cat\", \"size\": \"4096x4096\"}}' \
         | head -c 200\n\n\
         Ask again with the same key, and it is there at once and costs nothing.\n\
         What it does: http://{admin}/ and, for Prometheus, http://{admin}/metrics\n"
    )
}
