//! A ledger that survives: kill this program whenever you like, start it again, and see what it finds.
//!
//! Every attempt is in the file before its first byte leaves. What was running when the process died is found at the
//! next start, counts as possibly charged, and is in the report.
//!
//! ```sh
//! cargo run --example durable_ledger -- spend.db
//! ```

use std::{env, error::Error};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use longhaul::{
    Stack,
    billing::{PriceRow, Record, Totals, claims},
    policy::Policy,
};
use longhaul_hyper::Client;
use longhaul_ledger::{DurableLedger, store::Filter};
use longhaul_sim::{Provider, Weight, server::Server};
use tower::{Layer, ServiceExt};

/// How many times as fast as real time the simulated provider runs, and the policy with it.
const SPEED: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let place = match env::args().nth(1) {
        Some(place) => place,
        None => temporary.path().join("spend.db").display().to_string(),
    };
    let ledger = DurableLedger::open(&place).await?;
    println!(
        "{} attempts were found open and are closed as lost.",
        ledger.recovered().len()
    );

    // Every other call is cut after a minute of silence, and charged.
    let provider = Provider::builder()
        .speed(SPEED)
        .script("cut@60, none".parse()?)
        .image_weight(Weight::Tiny)
        .build()?;
    let server = Server::start(provider).await?;
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![PriceRow::new(
        "*",
        "*",
        longhaul::Money::usd_micros(240_000),
    )];
    let stack = Stack::new(policy.scaled(1.0 / SPEED)?)?.with_ledger(ledger.clone());
    let client = stack.layer(Client::builder().plain_http_only().build()?);

    let request = Request::post(format!("{}/v1/images/generations", server.url()))
        .header("content-type", "application/json")
        .body(Full::<Bytes>::from(
            r#"{"model":"nano-banana-pro","prompt":"a cat","size":"4096x4096"}"#,
        ))?;
    let answer = client.oneshot(request).await?;
    let picture = answer.into_body().collect().await?.to_bytes();
    println!("A picture of {} bytes in JSON arrived.", picture.len());

    ledger.flush().await?;
    let stored = ledger.store().records(&Filter::default()).await?;
    let records: Vec<Record> = stored.into_iter().map(|stored| stored.record).collect();
    for (currency, amounts) in Totals::of(&records).amounts {
        println!(
            "{currency}: {} for certain, {} at most",
            amounts.certain, amounts.possible
        );
    }
    for claim in claims(&records, &stack.policy().billing.claims) {
        println!("Claim: {claim}");
    }
    ledger.close().await?;
    Ok(())
}
