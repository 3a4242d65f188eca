//! The layers around a hyper-util client that is already there.
//!
//! Two layers change the request body on its way: one makes it replayable, one counts what is handed on. So
//! the client's body type changes with them, in one of two ways: the client is built for the new type, or,
//! where its type is fixed, one `map_request` line turns the new body into the old one.
//!
//! A client of one's own keeps its connector, its pool and its sockets, and they decide how well it survives
//! minutes of silence: `longhaul_hyper::Client` has all of that set. It speaks HTTP/1.1 alone; a client as here
//! is also for cheap calls over HTTP/2.
//!
//! ```sh
//! cargo run --example existing_stack
//! cargo run --example existing_stack -- --upstream https://api.openai.com --key-env OPENAI_API_KEY
//! ```

mod shared;

use std::{error::Error, time::Duration};

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use longhaul::{Attempt, BoxError, Class, Stack, StackRequestBody, retry::RetryReport};
use tower::{Layer, ServiceExt};

use self::shared::Upstream;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    upstream: shared::UpstreamArguments,
}

/// The body as it is below the layers, where callers pass a `Full<Bytes>`.
type SentBody = StackRequestBody<Full<Bytes>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Of the simulated provider, a proxy cuts every other call after a minute of silence.
    let upstream = Arguments::parse()
        .upstream
        .open("cut@60, none, cut@60, none")
        .await?;
    let stack = Stack::new(upstream.policy.clone())?;

    println!("A client whose body type follows the layers:");
    // It was `Client<HttpsConnector<HttpConnector>, Full<Bytes>>`; nothing else changes.
    let client: Client<_, SentBody> = builder().build(connector()?);
    let client = stack.layer(client);
    show(client.oneshot(upstream.picture()?).await?, &upstream).await?;

    println!("A client with a fixed, boxed body type:");
    let client: Client<_, UnsyncBoxBody<Bytes, BoxError>> = builder().build(connector()?);
    let client = client.map_request(|request: Request<SentBody>| {
        request.map(|body| body.map_err(BoxError::from).boxed_unsync())
    });
    let client = stack.layer(client);
    show(client.oneshot(upstream.picture()?).await?, &upstream).await?;

    // No request was sent below the layers that they do not know of.
    let ours = stack.ledger().records().len();
    println!("Our ledger has {ours} entries.");
    if let Some((provider, _)) = &upstream.simulated {
        provider.oracle().settled().await;
        assert_eq!(ours as u64, provider.oracle().totals().requests);
    }
    Ok(())
}

/// Of HTTP/1.1 alone, with the platform's roots.
fn connector() -> std::io::Result<HttpsConnector<HttpConnector>> {
    let connector = HttpsConnectorBuilder::new().with_native_roots()?;
    Ok(connector.https_or_http().enable_http1().build())
}

fn builder() -> legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        // On by default: it sends a request again by itself, past every count of ours.
        .retry_canceled_requests(false)
        // A connection that idled long may be dead already, and that shows only after the request is sent,
        // when it is not known any more whether it is charged.
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(2));
    builder
}

/// Reads the answer to its end: only then is it known whether it was delivered.
async fn show<B>(response: Response<B>, upstream: &Upstream) -> Result<(), Box<dyn Error>>
where
    B: Body<Data = Bytes, Error = longhaul::Error>,
{
    let report = response.extensions().get::<RetryReport>().cloned();
    let report = report.ok_or("every answer of the stack carries its report")?;
    let answer = response.into_body().collect().await?.to_bytes();
    println!("  {} bytes, after:", answer.len());
    for attempt in report.attempts() {
        println!(
            "  attempt {}: {} in {:.0} s",
            attempt.number(),
            attempt.class().map_or("running", Class::name),
            attempt.elapsed().as_secs_f64() * upstream.speed,
        );
    }
    let last = report.attempts().last().and_then(Attempt::class);
    if upstream.simulated.is_some() {
        assert_eq!((report.attempts().len(), last), (2, Some(Class::Delivered)));
    }
    Ok(())
}
