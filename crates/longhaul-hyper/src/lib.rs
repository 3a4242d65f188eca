//! The ready client for HTTP calls that take minutes: hyper's HTTP/1.1, with the connector, sockets, TLS,
//! outbound proxies and idle connections that such calls need, and proof of what was written.
//!
//! When a call breaks, how much of its request the server has decides about money, and a pooled client cannot say. It also
//! waits on connections that a NAT forgot, and sends a paid request on one that the server has just closed.
//!
//! ```
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! use longhaul_hyper::Client;
//! # type Body = http_body_util::Full<bytes::Bytes>;
//!
//! // The platform's root certificates; every limit as listed below.
//! let client: Client<Body> = Client::builder().build()?;
//! # Ok(()) }
//! ```
//!
//! What it does otherwise than hyper-util's client as it comes:
//!
//! - **One connect clock** over DNS, proxy, TCP and TLS (10 s). Its expiry is free: nothing was sent.
//! - **HTTP/1.1 only.** ALPN offers `http/1.1` and nothing else. A server that insists on HTTP/2
//!   fails in the handshake, where it costs nothing; one call never suffers from its neighbours on a
//!   shared connection. For cheap calls over HTTP/2 take a hyper-util client; the example
//!   `existing_stack` has the layers around one.
//! - **Outbound proxies**, as the environment or [`Proxies`] say, through a tunnel: what a proxy refuses
//!   was never sent, and its page is never taken for the provider's.
//! - **A connection that survives silence.** TCP keepalive (after 30 s, every 15 s, 5 probes) holds the
//!   entry in NATs and load balancers on the way; `TCP_USER_TIMEOUT` (120 s) rides out a short outage
//!   but not a dead path. Neither helps against an HTTP proxy that counts bytes of the answer.
//! - **A paid call takes an idle connection only if that is nearly fresh** (idle under 2 s). A stale one
//!   breaks after the request is written, and then nobody knows whether it is charged; a handshake is
//!   under 1 % of the call. What costs nothing, as a poll, may have any (30 s).
//! - **An answer that is no HTTP is called so**, and is no cut: 0.9, bad lengths, too many headers (100) or
//!   too long a head (64 KiB). Both limits can be set.
//! - **No resending of its own.** What is sent again is the caller's decision, and counted.
//! - **Proof.** The connection counts the bytes that it takes and flushes, and the
//!   [`Attempt`](longhaul::Attempt) in the request's extensions sees the count. An error says from it
//!   whether nothing was sent, a part, or possibly all. A connection is driven by its call alone, not by
//!   a task of its own: a call that has ended or was dropped writes nothing more.
//!
//! It works under the `longhaul` layers and without them: it is a
//! [`Service`](tower_service::Service) of requests, and needs nothing in their extensions.
//!
//! Customised:
//!
//! ```
//! # fn example(roots: rustls::RootCertStore) -> Result<(), Box<dyn std::error::Error>> {
//! use std::{sync::Arc, time::Duration};
//!
//! use longhaul_hyper::{Client, Keepalive};
//! use rustls::{ClientConfig, crypto::ring};
//! # type Body = http_body_util::Full<bytes::Bytes>;
//!
//! let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
//!     .with_safe_default_protocol_versions()?
//!     .with_root_certificates(roots)
//!     .with_no_client_auth();
//!
//! let client: Client<Body> = Client::builder()
//!     .connect_timeout(Duration::from_secs(5))
//!     .keepalive(Keepalive { after: Duration::from_secs(20), ..Keepalive::default() })
//!     .tls_config(tls)
//!     .build()?;
//! # Ok(()) }
//! ```
//!
//! A whole call, over loopback. The answer of this server is four bytes; the connection is kept for the next call:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Full};
//! use longhaul_hyper::Client;
//! use tokio::{io::{AsyncReadExt, AsyncWriteExt}, net::TcpListener};
//! use tower_service::Service;
//!
//! let server = TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}/v1/images/generations", server.local_addr()?);
//! tokio::spawn(async move {
//!     let (mut line, _) = server.accept().await.unwrap();
//!     let _ = line.read(&mut [0; 4096]).await;
//!     line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").await.unwrap();
//! });
//!
//! let mut client: Client<Full<Bytes>> = Client::builder().plain_http_only().build()?;
//! let answer = client.call(http::Request::post(url).body(Full::from("{}"))?).await?;
//! assert_eq!(answer.status(), 200);
//! assert_eq!(answer.into_body().collect().await?.to_bytes(), "done");
//! # Ok(()) }
//! ```

// docs.rs builds with `--cfg docsrs`: each item then shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod builder;
mod call;
mod client;
mod connector;
mod failure;
mod future;
mod pool;
mod proof;
mod proxies;
mod request;
mod settings;
mod wire;

pub use self::{
    body::ResponseBody,
    builder::Builder,
    client::Client,
    connector::{ConnectError, Connecting, Connection, Connector},
    future::ResponseFuture,
    proxies::Proxies,
    settings::{Keepalive, Settings},
};
