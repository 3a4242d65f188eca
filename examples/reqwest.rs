//! The layers around `reqwest`, by an adapter of ten lines.
//!
//! It works, with weaker proof than `longhaul_hyper::Client` gives:
//!
//! - Reqwest does not tell what it wrote. A request counts as sent when the last slice of its body (64 KiB
//!   each) has been handed over, though it may still lie in a buffer: what breaks then is `UnknownOutcome`,
//!   possibly charged, where the proof would say `NeverSent` or `SentPartial`. The head clock starts there too.
//! - A failure to connect is known by the chain of `source()`s alone, where an `io::Error` says so. Else it is
//!   free only if the body was never asked for, which cannot be told of a request without a body.
//!
//! ```sh
//! cargo run --example reqwest
//! cargo run --example reqwest -- --upstream https://api.openai.com --key-env OPENAI_API_KEY
//! ```

mod shared;

use std::{error::Error, time::Duration};

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use longhaul::{BoxError, Class, Stack};
use tower::{Layer, Service, ServiceExt, service_fn};

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    upstream: shared::UpstreamArguments,
}

/// Any `http::Request` through reqwest. Extensions pass, and with them all that the layers know.
fn adapter<B>(
    client: reqwest::Client,
) -> impl Service<Request<B>, Response = Response<reqwest::Body>, Error = reqwest::Error, Future: Send>
+ Clone
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static,
{
    service_fn(move |request: Request<B>| {
        let client = client.clone();
        async move {
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap))?;
            client.execute(request).await.map(Response::from)
        }
    })
}

fn client() -> reqwest::Result<reqwest::Client> {
    // The one that longhaul's client uses too. It may be installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        // By default a redirect is followed: 301, 302 and 303 turn the POST into a GET, and a key in a header
        // such as `x-goog-api-key` goes along to whatever host the answer names.
        .redirect(reqwest::redirect::Policy::none())
        // One retry loop, and that is ours: what reqwest sends again by itself, no ledger knows of.
        .retry(reqwest::retry::never())
        // The same for hyper-util's client inside, whose own retry reqwest cannot switch off: it concerns only
        // connections that were used before. A handshake is under 1 % of such a call.
        .pool_max_idle_per_host(0)
        // On HTTP/2 one lost packet or one GOAWAY hits all pictures that are being made.
        .http1_only()
        // As `longhaul_hyper` sets them. Reqwest's own are 15 s, every 15 s, 3 probes and 30 s: an outage of
        // half a minute would end a call that is paid for.
        .tcp_keepalive(Duration::from_secs(30))
        .tcp_keepalive_interval(Duration::from_secs(15))
        .tcp_keepalive_retries(5)
        // A proxy from the environment has an idle limit of its own, and most know nothing of four silent
        // minutes. Leave this out where it is the only way.
        .no_proxy();
    #[cfg(target_os = "linux")]
    let builder = builder.tcp_user_timeout(Duration::from_secs(120));
    // No `timeout` and no `read_timeout`: they do not know how large the picture is. A `connect_timeout` is
    // left to the layers too, whose start clock (20 s) covers it: nothing was sent until it ends.
    builder.build()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let upstream = Arguments::parse()
        .upstream
        .open("cut@60, none, redirect")
        .await?;
    let stack = Stack::new(upstream.policy.clone())?;
    let client = stack.layer(adapter(client()?));

    println!("A picture, of the simulated provider at the second attempt:");
    let response = client.clone().oneshot(upstream.picture()?).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    println!("  {status}, {} bytes", answer.len());
    let Some((provider, _)) = &upstream.simulated else {
        return Ok(());
    };

    println!("The provider redirects:");
    // As a server does it: each call in a task of its own.
    let call = tokio::spawn(client.clone().oneshot(upstream.picture()?));
    let response = call.await??;
    println!("  {}, not followed", response.status());
    assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);

    println!("Nobody listens:");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut request = upstream.picture()?;
    *request.uri_mut() = format!("http://{nobody}/v1/images/generations").parse()?;
    let error = match client.oneshot(request).await {
        Ok(response) => return Err(format!("somebody answered {}", response.status()).into()),
        Err(error) => error,
    };
    println!("  {error}");
    // What happened below the layers is in the sources, down to the one that proves that nothing was sent.
    let sources = std::iter::successors(error.source(), |&error| error.source());
    sources.for_each(|source| println!("  because: {source}"));
    assert_eq!(error.class(), Class::NeverSent);

    println!("Our ledger:");
    let records = stack.ledger().records();
    let closings = records.iter().filter_map(|record| record.closing.as_ref());
    let classes: Vec<_> = closings.map(|closing| closing.outcome.class).collect();
    println!("  {classes:?}");
    let mut expected = vec![Class::UnknownOutcome, Class::Delivered, Class::Redirect];
    // What is never sent costs nothing, and is tried six times.
    expected.extend([Class::NeverSent; 6]);
    assert_eq!(classes, expected);

    // Neither the redirect nor the cut led to a request that our layers did not send.
    provider.oracle().settled().await;
    assert_eq!(provider.oracle().totals().requests, 3);
    Ok(())
}
