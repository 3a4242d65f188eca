//! The layers in a handler of an axum server: your callers' requests go on to a provider, and come back as what they got.
//!
//! What every such server needs is library code of `longhaul-gateway`: `Rebase` moves a request to the upstream,
//! `strip_hop_by_hop` and `answer` take off what belongs to one connection alone, and `Refusal` makes of an error an answer
//! in the words of the caller's SDK, which tells that SDK whether it may send again by itself.
//!
//! ```sh
//! cargo run --example axum                                       # a simulated provider, and two calls to it
//! cargo run --example axum -- --listen 127.0.0.1:8080 --upstream https://api.openai.com --key-env OPENAI_API_KEY
//! ```
//!
//! The second one serves until it is stopped. Every caller then spends your money: this is no gateway with keys and caps of
//! its own, as the program `longhaul-gateway` is.

mod shared;

use std::{error::Error, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::post,
};
use clap::Parser;
use http::{HeaderValue, header};
use http_body_util::{BodyExt, Full};
use longhaul::{BoxedStack, Stack};
use longhaul_gateway::{
    dialect::Dialect,
    forward::{self, Rebase},
    refusal::Refusal,
};
use tokio::net::TcpListener;
use tower::ServiceExt;

#[derive(Parser)]
struct Arguments {
    /// Where to listen; without it two calls are made, and the server stops
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    upstream: shared::UpstreamArguments,
}

#[derive(Clone)]
struct App {
    client: BoxedStack<Body>,
    upstream: Rebase,
    key: HeaderValue,
}

/// Sends the caller's request on.
async fn forward(State(app): State<App>, request: Request) -> Response {
    let dialect = Dialect::of_path(request.uri().path());
    let (mut head, body) = request.into_parts();
    head.uri = match app.upstream.uri(head.uri.path(), head.uri.query()) {
        Ok(uri) => uri,
        Err(error) => return refuse(error.to_string(), dialect),
    };
    forward::strip_hop_by_hop(&mut head.headers);
    head.headers.remove(header::HOST);
    head.headers.insert(header::AUTHORIZATION, app.key);
    match app.client.oneshot(Request::from_parts(head, body)).await {
        Ok(answer) => {
            let (mut head, body) = answer.into_parts();
            forward::answer(&mut head);
            Response::from_parts(head, Body::new(body))
        }
        Err(error) => {
            let refusal = Refusal::of_error(&error, dialect);
            refusal.into_response(dialect).map(Body::new)
        }
    }
}

fn refuse(message: String, dialect: Dialect) -> Response {
    let refusal = Refusal::new(http::StatusCode::BAD_REQUEST, "path", message);
    refusal.into_response(dialect).map(Body::new)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let upstream = arguments.upstream.open("cut@60, none, cut@60*9").await?;
    let stack = Stack::new(upstream.policy.clone())?;
    let app = App {
        client: stack.boxed(upstream.client().build()?),
        upstream: Rebase::new(&upstream.url, "")?,
        key: upstream.key.clone(),
    };
    let router = Router::new()
        .route("/v1/images/generations", post(forward))
        .with_state(app);
    let once = arguments.listen.is_none();
    let address = arguments.listen.unwrap_or(([127, 0, 0, 1], 0).into());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("Listening at http://{address}");
    let server = async { axum::serve(listener, router).await };
    if !once {
        return Ok(server.await?);
    }
    tokio::spawn(server);

    let client = longhaul_hyper::Client::builder().plain_http_only();
    let client: longhaul_hyper::Client<Full<bytes::Bytes>> = client.build()?;
    for expected in [200, 502] {
        let mut request = upstream.picture()?;
        *request.uri_mut() = format!("http://{address}/v1/images/generations").parse()?;
        let answer = client.clone().oneshot(request).await?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        println!("The caller gets {} and {} bytes.", head.status, body.len());
        if upstream.simulated.is_some() {
            assert_eq!(head.status, expected);
        }
    }
    Ok(())
}
