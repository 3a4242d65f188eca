//! `collect`: what a process that is gone left open at the providers.
//!
//! By hand, where no gateway does it: its upstream has no `key`, or the program that ordered was none. It takes the
//! same lock as a gateway, so that the two never take each other's operations for lost, and ends with an error as
//! long as a task stays open, so that a script can repeat it.
//!
//! Tests: `what_a_killed_gateway_ordered_is_collected_by_command`,
//! `what_is_collected_by_hand_is_there_for_who_comes_back`.

use std::{error::Error, fs, path::PathBuf, time::Duration};

use futures_util::{StreamExt, stream};
use longhaul_gateway::{
    collect::{Collector, Ending, HostKeys, Left, ReturningCallers, left_open},
    config::{Config, Exchange},
    replay::StateLock,
};
use longhaul_ledger::{DurableLedger, Location, Store};
use longhaul_providers::tasks::TasksPolicy;

/// Tasks that are asked after at a time.
///
/// As many as a gateway asks after.
const AT_ONCE: usize = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The configuration of a gateway that is gone: its ledger is collected, and its callers get the pictures when they come
    /// back with their keys
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Without a configuration, the ledger of the process that is gone: a file of SQLite's, or a postgres:// URL
    #[arg(
        long,
        value_name = "URL|FILE",
        env = "LONGHAUL_LEDGER",
        hide_env_values = true,
        required_unless_present = "config"
    )]
    ledger: Option<Location>,
    /// The folder for answers and pictures; `collected` of the configuration where there is one
    #[arg(long, value_name = "FOLDER", required_unless_present = "config")]
    out: Option<PathBuf>,
    /// The environment variable that has a host's key; LONGHAUL_KEY_api_openai_com where none is named
    #[arg(long, value_name = "HOST=NAME", value_parser = host_and_name)]
    key: Vec<(String, String)>,
    /// A policy file with dialects of your own, where they are not in the configuration
    #[arg(long, value_name = "FILE")]
    tasks: Option<PathBuf>,
    /// How long each task that has not ended is waited for; 30 s at least (`grace`), in which one that is not found may be late
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    within: Duration,
}

fn host_and_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((host, name)) if !host.is_empty() && !name.is_empty() => {
            Ok((host.to_owned(), name.to_owned()))
        }
        _ => Err("write a host, `=`, and the name of an environment variable".to_owned()),
    }
}

/// The state's lock before the ledger's: a gateway that runs has both, and is named by the first. A ledger that does
/// not exist is an error and is not made.
pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let policy = match &options.tasks {
        None => TasksPolicy::default(),
        Some(path) => {
            let text =
                fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            TasksPolicy::from_toml(&text)?
        }
    };
    let config = options.config.as_deref().map(Config::load).transpose()?;
    let _state = config
        .as_ref()
        .map(|config| StateLock::take(&config.state))
        .transpose()?;
    let (location, out) = match &config {
        Some(config) if config.ledger == "memory" => {
            return Err("`ledger` is in memory: nothing outlived the gateway".into());
        }
        Some(config) => {
            let out = options.out.unwrap_or_else(|| config.collected.clone());
            (config.ledger.parse()?, out)
        }
        None => options
            .ledger
            .zip(options.out)
            .ok_or("name --config, or --ledger and --out")?,
    };
    let named = options.key.into_iter();
    let keys = named.fold(HostKeys::default(), |keys, (host, name)| {
        keys.at(host, name)
    });
    // A ledger is not made here: there would be nothing in it.
    Store::open(&location).await?;
    let ledger = DurableLedger::builder(location)
        .name("longhaul-gateway collect")
        .open()
        .await?;
    // Behind the ledger's lock: what the gateway left running is of unknown outcome now, there as here.
    let callers = match &config {
        Some(config) => ReturningCallers::open(config).await?,
        None => None,
    };
    let all = left_open(ledger.store()).await?;
    let number = all.len();
    let by_hand = ByHand {
        collector: Collector::new(ledger.clone(), out, options.within),
        config,
        policy,
        keys,
        callers,
    };
    let by_hand = &by_hand;
    let each = all.iter().map(async |left| (left, by_hand.one(left).await));
    let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
    let mut still_open = 0;
    while let Some((left, ending)) = each.next().await {
        let task = &left.handle().task;
        let said = match ending {
            Ok(Ending::Open) => Err("has not ended: collect it later".to_owned()),
            Ok(ending) => Ok(in_words(&ending)),
            Err(error) => Err(error.to_string()),
        };
        match said {
            Ok(said) => println!("{} (task {task}): {said}", left.name()),
            Err(said) => {
                still_open += 1;
                println!("{} (task {task}): open: {said}", left.name());
            }
        }
    }
    drop(each);
    ledger.close().await?;
    println!(
        "{number} tasks were open, {} are closed now",
        number - still_open
    );
    match still_open {
        0 => Ok(()),
        open => Err(format!("{open} tasks stay open").into()),
    }
}

/// What all tasks are collected with.
struct ByHand {
    collector: Collector,
    config: Option<Config>,
    policy: TasksPolicy,
    keys: HostKeys,
    callers: Option<ReturningCallers>,
}

impl ByHand {
    /// A key that is missing leaves its task open and the others to be collected. Callers are told in every case.
    async fn one(&self, left: &Left) -> Result<Ending, Box<dyn Error>> {
        let headers = match left.host() {
            Some(host) => self.keys.headers(&host, &left.handle().dialect)?,
            None => http::HeaderMap::new(),
        };
        let expected = match &self.callers {
            Some(callers) => Some(
                callers
                    .expect(left)
                    .await
                    .map_err(|error| error.to_string())?,
            ),
            None => None,
        };
        let policy = self.policy(&left.handle().dialect);
        let fetched = self.collector.collect(left, policy, headers).await;
        let ending = fetched.as_ref().map(|fetched| fetched.ending.clone());
        let ending = ending.map_err(ToString::to_string);
        if let Some(expected) = expected {
            expected.tell(fetched.ok()).await;
        }
        Ok(ending?)
    }

    /// That of the first upstream which takes tasks in this dialect, else that of the command line.
    fn policy(&self, dialect: &str) -> &TasksPolicy {
        let upstreams = self.config.iter().flat_map(|config| &config.upstreams);
        upstreams
            .filter(|upstream| upstream.exchange == Exchange::Tasks)
            .filter_map(|upstream| upstream.tasks.as_ref())
            .find(|tasks| tasks.hosts.values().flatten().any(|known| known == dialect))
            .unwrap_or(&self.policy)
    }
}

fn in_words(ending: &Ending) -> String {
    match ending {
        Ending::Collected { answer, pictures } if pictures.is_empty() => format!(
            "collected: {}, in which no picture is, or only links to them",
            answer.display()
        ),
        Ending::Collected { answer, pictures } => {
            let pictures: Vec<_> = pictures
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            format!(
                "collected: {} and {}",
                answer.display(),
                pictures.join(", ")
            )
        }
        Ending::Failed { status, answer } => format!("failed ({status}): {}", answer.display()),
        Ending::Expired => "the provider does not know it any more: claim it".to_owned(),
        _ => "ended".to_owned(),
    }
}
