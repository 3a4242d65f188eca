//! `collect`: what a process that is gone left open at the providers.

use std::{error::Error, fs, path::PathBuf, time::Duration};

use futures_util::{StreamExt, stream};
use longhaul_gateway::collect::{Collector, Ending, HostKeys, Left, left_open};
use longhaul_ledger::{DurableLedger, Location, Store};
use longhaul_providers::tasks::TasksPolicy;

/// Tasks that are asked after at a time.
const AT_ONCE: usize = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The ledger of the process that is gone: a file of SQLite's, or a postgres:// URL
    #[arg(
        long,
        value_name = "URL|FILE",
        env = "LONGHAUL_LEDGER",
        hide_env_values = true
    )]
    ledger: Location,
    /// The folder for answers and pictures
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The environment variable that has a host's key; LONGHAUL_KEY_api_openai_com where none is named
    #[arg(long, value_name = "HOST=NAME", value_parser = host_and_name)]
    key: Vec<(String, String)>,
    /// A policy file with dialects of your own
    #[arg(long, value_name = "FILE")]
    tasks: Option<PathBuf>,
    /// How long each task that has not ended is waited for
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

pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let policy = match &options.tasks {
        None => TasksPolicy::default(),
        Some(path) => {
            let text =
                fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            TasksPolicy::from_toml(&text)?
        }
    };
    let named = options.key.into_iter();
    let keys = named.fold(HostKeys::default(), |keys, (host, name)| {
        keys.at(host, name)
    });
    // A ledger is not made here: there would be nothing in it.
    Store::open(&options.ledger).await?;
    let ledger = DurableLedger::builder(options.ledger)
        .name("longhaul-gateway collect")
        .open()
        .await?;
    let all = left_open(ledger.store()).await?;
    let number = all.len();
    let collector = Collector::new(ledger.clone(), options.out, options.within);
    let (collector, policy, keys) = (&collector, &policy, &keys);
    let each = all
        .iter()
        .map(async |left| (left, one(collector, left, policy, keys).await));
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

async fn one(
    collector: &Collector,
    left: &Left,
    policy: &TasksPolicy,
    keys: &HostKeys,
) -> Result<Ending, Box<dyn Error>> {
    let headers = match left.host() {
        Some(host) => keys.headers(&host, &left.handle().dialect)?,
        None => http::HeaderMap::new(),
    };
    Ok(collector.collect(left, policy, headers).await?.ending)
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
