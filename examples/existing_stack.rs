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
//! ```

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use longhaul::{
    Attempt, BoxError, Class, Stack, StackRequestBody, policy::Policy, retry::RetryReport,
};
use longhaul_sim::{Provider, Weight, server::Server};
use tower::{Layer, ServiceExt};

/// The body as it is below the layers, where callers pass a `Full<Bytes>`.
type SentBody = StackRequestBody<Full<Bytes>>;

/// How many times as fast as real time the simulated provider runs, and the policy with it.
const SPEED: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A proxy cuts every other call after a minute of silence.
    let provider = Provider::builder()
        .speed(SPEED)
        .script("cut@60, none, cut@60, none".parse()?)
        .image_weight(Weight::Tiny)
        .build()?;
    let server = Server::start(provider.clone()).await?;
    let stack = Stack::new(Policy::nano_banana_pro().scaled(1.0 / SPEED)?)?;

    println!("A client whose body type follows the layers:");
    // It was `Client<HttpConnector, Full<Bytes>>`; nothing else changes.
    let client: Client<HttpConnector, SentBody> = builder().build(HttpConnector::new());
    let client = stack.layer(client);
    show(client.oneshot(picture(&server)?).await?).await?;

    println!("A client with a fixed, boxed body type:");
    let client: Client<HttpConnector, UnsyncBoxBody<Bytes, BoxError>> =
        builder().build(HttpConnector::new());
    let client = client.map_request(|request: Request<SentBody>| {
        request.map(|body| body.map_err(BoxError::from).boxed_unsync())
    });
    let client = stack.layer(client);
    show(client.oneshot(picture(&server)?).await?).await?;

    // Nobody below the layers sent anything that they do not know of.
    provider.oracle().settled().await;
    let (ours, theirs) = (
        stack.ledger().records().len(),
        provider.oracle().totals().requests,
    );
    println!("Our ledger has {ours} entries; the provider received {theirs} requests.");
    assert_eq!(ours as u64, theirs);
    Ok(())
}

fn builder() -> legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        // On by default: it sends a request again by itself, past every count of ours.
        .retry_canceled_requests(false)
        // A connection that idled long may be dead already, and that shows only after the request is sent,
        // when nobody can say any more whether it is charged.
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(2));
    builder
}

fn picture(server: &Server) -> http::Result<Request<Full<Bytes>>> {
    Request::post(format!("{}/v1/images/generations", server.url()))
        .header("content-type", "application/json")
        .body(Full::from(
            r#"{"model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096"}"#,
        ))
}

/// Reads the answer to its end: only then is it known whether it was delivered.
async fn show<B>(response: Response<B>) -> Result<(), Box<dyn Error>>
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
            attempt.elapsed().as_secs_f64() * SPEED,
        );
    }
    let last = report.attempts().last().and_then(Attempt::class);
    assert_eq!((report.attempts().len(), last), (2, Some(Class::Delivered)));
    Ok(())
}
