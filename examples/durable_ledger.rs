//! A ledger that survives: kill this program whenever you like, start it again, and see what it finds.
//!
//! Every attempt is in the file before its first byte leaves. What was running when the process died is found at the
//! next start, counts as possibly charged, and is in the report.
//!
//! ```sh
//! cargo run --example durable_ledger -- spend.db
//! cargo run --example durable_ledger -- spend.db --upstream https://api.openai.com --key-env OPENAI_API_KEY
//! ```

mod shared;

use std::error::Error;

use clap::Parser;
use http_body_util::BodyExt;
use longhaul::{
    Stack,
    billing::{PriceRow, Record, Totals, claims},
};
use longhaul_ledger::{DurableLedger, store::Filter};
use tower::{Layer, ServiceExt};

#[derive(Parser)]
struct Arguments {
    /// A file, or postgres://…; without it a file that is gone afterwards
    ledger: Option<String>,
    #[command(flatten)]
    upstream: shared::UpstreamArguments,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let arguments = Arguments::parse();
    let place = match arguments.ledger {
        Some(place) => place,
        None => temporary.path().join("spend.db").display().to_string(),
    };
    let ledger = DurableLedger::open(&place).await?;
    println!(
        "{} attempts were found open and are closed as lost.",
        ledger.recovered().len()
    );

    // Of the simulated provider, every other call is cut after a minute of silence, and charged.
    let mut upstream = arguments.upstream.open("cut@60, none").await?;
    if upstream.policy.billing.prices.is_empty() {
        let price = longhaul::Money::usd_micros(240_000);
        upstream.policy.billing.prices = vec![PriceRow::new("*", "*", price)];
    }
    let stack = Stack::new(upstream.policy.clone())?.with_ledger(ledger.clone());
    let client = stack.layer(upstream.client().build()?);

    let answer = client.oneshot(upstream.picture()?).await?;
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
