//! The process that is killed: makes calls through the whole stack with a durable ledger until somebody ends it.
//!
//! A program of the tests beside it, and built like an example so that cargo builds it with them.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use clap::Parser;
use http::{HeaderName, Request};
use http_body_util::{BodyExt, Full};
use longhaul::{Stack, billing::PriceRow, policy::Policy};
use longhaul_hyper::Client;
use longhaul_ledger::{DurableLedger, Location, WhenUnreachable};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};

#[derive(Clone, Debug, Parser)]
struct Options {
    /// Where the ledger is
    #[arg(long)]
    ledger: Location,
    /// The simulated provider
    #[arg(long)]
    provider: String,
    /// How many times as fast as real time the provider runs
    #[arg(long)]
    speed: f64,
    /// Calls at once
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// Calls in all; endless where not given
    #[arg(long)]
    calls: Option<usize>,
    /// How long this process counts as alive without a sign of life, in milliseconds
    #[arg(long, default_value_t = 30_000)]
    lease: u64,
    /// Pages that the ledger's file may have
    #[arg(long)]
    max_pages: Option<u32>,
    /// Whether to go on spending while the ledger cannot be reached
    #[arg(long)]
    spend: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let ledger = open(&options).await?;
    let stack = Stack::new(policy(options.speed)?)?.with_ledger(ledger.clone());
    let client = stack.layer(Client::builder().plain_http_only().build()?);
    println!("ready");

    let mut calls = JoinSet::new();
    for number in 0.. {
        if options.calls.is_some_and(|calls| number >= calls) {
            break;
        }
        if calls.len() >= options.in_flight {
            calls.join_next().await;
        }
        let call = client.clone().oneshot(request(&options.provider)?);
        calls.spawn(async move {
            // What comes of it stands in the ledger; here it is only driven to its end.
            match call.await {
                Ok(answer) => drop(answer.into_body().collect().await),
                // Nothing else waits where the ledger refuses.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        });
    }
    while calls.join_next().await.is_some() {}
    drop(client);
    ledger.close().await?;
    Ok(())
}

async fn open(options: &Options) -> Result<DurableLedger, Box<dyn Error>> {
    let ledger = DurableLedger::builder(options.ledger.clone())
        .lease(Duration::from_millis(options.lease))
        .when_unreachable(if options.spend {
            WhenUnreachable::SpendAndWriteLater
        } else {
            WhenUnreachable::Refuse
        })
        .open()
        .await?;
    if let Some(pages) = options.max_pages {
        ledger.limit_pages(pages);
    }
    Ok(ledger)
}

/// The document's policy at the provider's speed, with its price and the header that its oracle goes by.
fn policy(speed: f64) -> Result<Policy, longhaul::ConfigError> {
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![PriceRow::new(
        "*",
        "*",
        longhaul::Money::usd_micros(134_400),
    )];
    policy.retry.attempt_header = Some(HeaderName::from_static("x-longhaul-attempt"));
    policy.in_flight.max_per_host = 1000;
    // Every call is made, whatever the cuts on the way have taught.
    policy.retry.worth = f64::INFINITY;
    policy.scaled(1.0 / speed)
}

fn request(provider: &str) -> http::Result<Request<Full<Bytes>>> {
    Request::post(format!("{provider}/v1/images/generations"))
        .header("content-type", "application/json")
        .header("authorization", "Bearer secret")
        .body(Full::from(
            r#"{"model":"nano-banana-pro","prompt":"a cat","size":"1024x1024"}"#,
        ))
}
