//! A reverse proxy made of the layers: clients in any language send one plain request, and what goes wrong on
//! the way to the provider is dealt with behind the gateway.
//!
//! A caller who hangs up cancels the call: hyper drops its future, and with it the connection to the provider;
//! the ledger says `Cancelled`, and what that may have cost all the same.
//!
//! The gateway is what stands above `SPEED`, under a hundred lines; below, it is shown at work.
//!
//! ```sh
//! cargo run --example gateway
//! ```

use std::{convert::Infallible, error::Error, io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use longhaul::{
    BoxError, Class, End, Stack, StackRequestBody, StackService,
    billing::{PriceRow, Record},
    policy::Policy,
    retry::RetryReport,
};
use longhaul_hyper::Client;
use longhaul_sim::{Provider, Weight, server::Server};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

/// A caller's body streams in, and is kept up to the cap of 32 MiB so that it can be sent again.
type Upstream = StackService<Client<StackRequestBody<Incoming>>>;

/// How a caller learns what it took.
const ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");

/// Takes connections until the door fails or the task is aborted.
async fn serve(door: TcpListener, provider: Uri, upstream: Upstream) -> io::Result<Infallible> {
    loop {
        let (connection, _) = door.accept().await?;
        let (provider, upstream) = (provider.clone(), upstream.clone());
        let service = service_fn(move |request| {
            let call = forward(provider.clone(), upstream.clone(), request);
            async { Ok::<_, Infallible>(call.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(connection), service);
        // How it ends is told to those who are in it: the caller, and the ledger.
        tokio::spawn(async { drop(connection.await) });
    }
}

/// The provider's answer, passed on as it comes, or in the gateway's own words why there is none.
async fn forward(
    provider: Uri,
    upstream: Upstream,
    mut request: Request<Incoming>,
) -> Response<impl Body<Data = Bytes, Error = BoxError>> {
    let mut uri = request.uri().clone().into_parts();
    uri.scheme = provider.scheme().cloned();
    uri.authority = provider.authority().cloned();
    match Uri::from_parts(uri) {
        Ok(uri) => *request.uri_mut() = uri,
        Err(error) => return own(StatusCode::BAD_REQUEST, &error),
    }
    // The host is the provider's now, and nobody here waits for a `100 Continue`.
    request.headers_mut().remove(header::HOST);
    request.headers_mut().remove(header::EXPECT);
    strip(request.headers_mut());
    request
        .headers_mut()
        .append(header::VIA, HeaderValue::from_static("1.1 gateway"));

    match upstream.oneshot(request).await {
        Ok(mut response) => {
            let report = response.extensions().get::<RetryReport>();
            let attempts = report.map_or(1, |report| report.attempts().len());
            strip(response.headers_mut());
            response.headers_mut().insert(ATTEMPTS, attempts.into());
            // If the answer breaks off half way, so does the connection to the caller, who must not take
            // half a picture for a whole one.
            response.map(Either::Left)
        }
        Err(error) if error.is_timeout() => own(StatusCode::GATEWAY_TIMEOUT, &error),
        Err(error) => own(StatusCode::BAD_GATEWAY, &error),
    }
}

/// Never dressed up as the provider's: plain text, and what longhaul knows, its cost among it.
fn own<B>(status: StatusCode, error: &dyn Error) -> Response<Either<B, Full<Bytes>>> {
    let mut response = Response::new(Either::Right(Full::from(format!("gateway: {error}\n"))));
    *response.status_mut() = status;
    response
}

/// Takes off what is about one connection and not about the call (RFC 9110, 7.6.1).
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let usual = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    let usual = usual.map(HeaderName::from_static);
    for name in named.into_iter().chain(usual) {
        headers.remove(name);
    }
}

/// How many times as fast as real time the simulated provider runs, and the policy with it.
const SPEED: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // First the model is overloaded, then a proxy cuts the silent connection, then all goes well. The next
    // call is cut three times. The last one takes 200 s.
    let provider = Provider::builder()
        .speed(SPEED)
        .script("overloaded, cut@60, none, cut@60*3, none+takes@200".parse()?)
        .image_weight(Weight::Tiny)
        .build()?;
    let server = Server::start(provider.clone()).await?;

    let mut policy = Policy::nano_banana_pro().scaled(1.0 / SPEED)?;
    policy.billing.prices = vec![PriceRow::new(
        "*",
        "*",
        longhaul::Money::usd_micros(240_000),
    )];
    let stack = Stack::new(policy)?;
    let upstream = stack.layer(Client::builder().plain_http_only().build()?);
    let door = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1/images/generations", door.local_addr()?);
    tokio::spawn(serve(door, server.url().parse()?, upstream));

    println!("A client without any layers calls {url}");
    let client = legacy::Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(picture(&url)?).await?;
    let (status, attempts) = (response.status(), response.headers().get(ATTEMPTS).cloned());
    let answer = response.into_body().collect().await?.to_bytes();
    let attempts = attempts.ok_or("the gateway says how many attempts it took")?;
    println!(
        "  {status}, {} bytes, attempts behind the gateway: {attempts:?}",
        answer.len()
    );
    assert_eq!((status, attempts), (StatusCode::OK, 3.into()));

    println!("And again, with a proxy that cuts every attempt:");
    let response = client.request(picture(&url)?).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    print!("  {status}: {}", String::from_utf8_lossy(&answer));
    assert_eq!(status, StatusCode::BAD_GATEWAY);

    println!("And once more, but the caller hangs up after 100 s.");
    let patience = Duration::from_secs(100).div_f64(SPEED);
    let hung_up = tokio::time::timeout(patience, client.request(picture(&url)?)).await;
    assert!(hung_up.is_err());
    // Then the gateway notices.
    tokio::time::timeout(Duration::from_secs(10), async {
        while stack.ledger().records().iter().any(Record::is_open) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await?;

    println!("The gateway's ledger:");
    let mut found = Vec::new();
    for record in stack.ledger().records() {
        let outcome = record.closing.ok_or("no entry is open")?.outcome;
        println!(
            "  attempt {}: {}, {}",
            record.opening.attempt, outcome.end, outcome.class
        );
        // The third cut after the same time is known for a proxy's. How alike they are, at this speed,
        // depends on this machine.
        let class = match outcome.class {
            Class::IntermediaryCut => Class::UnknownOutcome,
            class => class,
        };
        found.push((outcome.end, class));
    }
    let expected = [
        (End::Finished, Class::Overloaded),
        (End::Failed, Class::UnknownOutcome),
        (End::Finished, Class::Delivered),
        (End::Failed, Class::UnknownOutcome),
        (End::Failed, Class::UnknownOutcome),
        (End::Failed, Class::UnknownOutcome),
        (End::Cancelled, Class::UnknownOutcome),
    ];
    assert_eq!(found, expected);
    Ok(())
}

fn picture(url: &str) -> http::Result<Request<Full<Bytes>>> {
    Request::post(url)
        .header("content-type", "application/json")
        .body(Full::from(
            r#"{"model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096"}"#,
        ))
}
