//! The soak: mixed load with faults for a while, on sockets, through the whole stack. Nothing may grow.
//!
//! It goes in rounds of equally many operations. Client, stack and ledger live from the first round to the last;
//! provider and server, which remember every request, are new in each, at the same port. After a round all that it
//! left comes to rest; then the ledger is held against the oracle, one in memory is drained, and what is still there is
//! counted. A durable ledger keeps its entries, and may grow by these alone.

mod book;
mod flat;
mod gauges;
mod load;

use std::{error::Error, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use longhaul::{
    Resolution, Stack, StackRequestBody,
    billing::{MemoryLedger, PriceRow},
    policy::Policy,
};
use longhaul_hyper::{Client, Settings};
use longhaul_sim::{Oracle, Provider, Weight, server::Server};
use longhaul_testing::disagreements;
use tokio::{runtime, time::Instant};
use tower::{Layer, Service};

use self::{
    book::{Book, Durable, Kind},
    flat::Settled,
    gauges::Gauges,
};

/// What the growth is judged by, at least.
const ROUNDS: usize = 6;

/// Longer than anything takes to come to rest on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the pool keeps a connection: long enough to use it again, and short enough to wait for its end.
const IDLE: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long; fractions too. At least six rounds are made
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Decides faults, sizes and when callers leave
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Operations of a round
    #[arg(long, default_value = "100")]
    operations: NonZeroU32,
    #[arg(long, value_enum, default_value = "memory")]
    ledger: Kind,
    /// How many times as fast as real time the provider runs, and the policy with it
    #[arg(long, default_value_t = 200.0, value_parser = speed)]
    speed: f64,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.0..=10_000.0).contains(&minutes) => Ok(minutes),
        _ => Err("it is a number from 0 to 10000".to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1.0..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("it is a number from 1 to 1000".to_owned()),
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match options.ledger {
            Kind::Memory => {
                let mut ledger = MemoryLedger::default();
                let stack = stack(options, &ledger)?;
                soak(options, &stack, stack.layer(client()?), &mut ledger).await
            }
            Kind::Sqlite => durable(options, Durable::sqlite().await?).await,
            Kind::Postgres => durable(options, Durable::postgres().await?).await,
        }
    })
}

async fn durable(options: &Options, mut book: Durable) -> Result<(), Box<dyn Error>> {
    let stack = stack(options, &book)?;
    soak(options, &stack, stack.layer(client()?), &mut book).await?;
    // The database is there until then.
    Ok(stack.ledger().close().await?)
}

fn stack<K: Book>(options: &Options, book: &K) -> Result<Stack<K::Ledger>, Box<dyn Error>> {
    Ok(Stack::new(policy(options.speed)?)?.with_ledger(book.ledger()))
}

fn client() -> Result<Client<StackRequestBody<Full<Bytes>>>, Box<dyn Error>> {
    let mut settings = Settings::default();
    settings.pool_idle_timeout = IDLE;
    settings.paid_idle_timeout = IDLE;
    let client = Client::builder().settings(settings).plain_http_only();
    Ok(client.build()?)
}

async fn soak<K, C, B>(
    options: &Options,
    stack: &Stack<K::Ledger>,
    client: C,
    book: &mut K,
) -> Result<(), Box<dyn Error>>
where
    K: Book,
    C: Service<Request<Full<Bytes>>, Response = Response<B>, Future: Send> + Clone + Send + 'static,
    B: Body + Send + Unpin,
{
    // The first server finds a free port, which the later ones take over.
    let mut listen = "127.0.0.1:0".parse()?;
    let begun = Instant::now();
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    let every = Duration::from_secs(60).min(length / 4);
    let mut printed = begun;
    let mut settled = Settled::new(options.operations.get());

    println!("{}", Gauges::HEADINGS);
    while begun.elapsed() < length || settled.rounds() < ROUNDS {
        let round = settled.rounds() as u64;
        let mut rng = fastrand::Rng::with_seed(options.seed.wrapping_add(round));
        let provider = Provider::builder()
            .seed(rng.u64(..))
            .speed(options.speed)
            .script(load::script(&mut rng))
            .image_weight(Weight::Tiny)
            .build()?;
        let server = Server::builder(provider.clone())
            .listen(listen)
            .start()
            .await?;
        listen = server.addr();

        let load = load::Load::new(&server.url(), options.speed, options.operations.get());
        let tally = tokio::time::timeout(length + PATIENCE * 10, load.run(&client, rng)).await;
        let tally = tally.map_err(|_| "an operation never ended")?;
        at_rest(&provider.oracle(), stack, book).await?;
        server.shutdown().await;

        let found = disagreements(&book.round().await?, &provider.oracle().entries());
        if !found.is_empty() {
            let found = found.join("\n  ");
            return Err(format!("ledger and oracle disagree in round {round}:\n  {found}").into());
        }
        drop(provider);
        let extent = book.extent().await?;
        let read = || Gauges::read(stack.in_flight(), extent);
        settled.wait(IDLE * 3, PATIENCE, read).await;
        if printed.elapsed() >= every || settled.rounds() == 1 {
            printed = Instant::now();
            println!(
                "{}  {tally}",
                settled.last().line(begun.elapsed(), settled.operations())
            );
        }
    }
    println!("{}", settled.verdict()?);
    Ok(())
}

/// Waits until the provider has nothing more to do, and no attempt and no place is left open.
async fn at_rest<K: Book>(
    oracle: &Oracle,
    stack: &Stack<K::Ledger>,
    book: &K,
) -> Result<(), Box<dyn Error>> {
    let settled = tokio::time::timeout(PATIENCE, oracle.settled()).await;
    settled.map_err(|_| "the provider has not come to rest")?;
    let until = Instant::now() + PATIENCE;
    loop {
        let (open, taken) = (book.open().await?, stack.in_flight());
        if open == 0 && taken == 0 {
            return Ok(());
        }
        if Instant::now() >= until {
            let left = format!("{open} entries open, {taken} places taken");
            return Err(format!("it does not come to rest: {left}").into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The default policy at the provider's speed and prices, with the header by which its oracle tells attempts apart.
fn policy(speed: f64) -> Result<Policy, Box<dyn Error>> {
    let price = |resolution, micros| {
        PriceRow::new("*", "*", longhaul::Money::usd_micros(micros)).for_resolution(resolution)
    };
    let mut policy = Policy::default();
    policy.billing.prices = vec![
        price(Resolution::K1, 134_400),
        price(Resolution::K2, 134_400),
        price(Resolution::K4, 240_000),
    ];
    policy.retry.attempt_header = Some(http::HeaderName::from_static("x-longhaul-attempt"));
    Ok(policy.scaled(1.0 / speed)?)
}
