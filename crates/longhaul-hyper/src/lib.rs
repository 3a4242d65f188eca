//! The ready client for HTTP calls that take minutes: hyper-util's, with the connector, sockets, TLS
//! and pool that such calls need, and proof of what was written.
//!
//! What it does otherwise than hyper-util's client as it comes:
//!
//! - **One connect clock** over DNS, TCP and TLS (10 s). Its expiry is free: nothing was sent.
//! - **HTTP/1.1 only.** ALPN offers `http/1.1` and nothing else. A server that insists on HTTP/2
//!   fails in the handshake, where it costs nothing; one call never suffers from its neighbours on a
//!   shared connection.
//! - **A connection that survives silence.** TCP keepalive (after 30 s, every 15 s, 5 probes) holds the
//!   entry in NATs and load balancers on the way; `TCP_USER_TIMEOUT` (120 s) rides out a short outage
//!   but not a dead path. Neither helps against an HTTP proxy that counts bytes of the answer.
//! - **Pooled connections only if nearly fresh** (idle under 2 s). A stale one breaks after the
//!   request is written, and then nobody knows whether it is charged; a handshake is under 1 % of the
//!   call.
//! - **No resending of its own.** What is sent again is the caller's decision, and counted.
//! - **Proof.** The connection counts the bytes that it takes and flushes, and the
//!   [`Attempt`](longhaul::Attempt) in the request's extensions sees the count. An error says from it
//!   whether nothing was sent, a part, or possibly all. What the proof says when a call ends stays
//!   true: from then on its connection writes nothing more.
//!
//! It works under the `longhaul` layers and without them: it is a
//! [`Service`](tower_service::Service) of requests, and needs nothing in their extensions.
//!
//! ```
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! use longhaul_hyper::Client;
//! # type Body = http_body_util::Full<bytes::Bytes>;
//!
//! // The platform's root certificates; every limit as listed above.
//! let client: Client<Body> = Client::builder().build()?;
//! # Ok(()) }
//! ```
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

mod body;
mod builder;
mod client;
mod connector;
mod failure;
mod future;
mod proof;
mod settings;

pub use self::{
    body::ResponseBody,
    builder::Builder,
    client::Client,
    connector::{ConnectError, Connecting, Connection, Connector},
    future::ResponseFuture,
    settings::{HttpVersion, Keepalive, Settings},
};
