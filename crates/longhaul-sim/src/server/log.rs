//! What is known of the connections.
//!
//! A client's pool is judged by it: how many connections it opened, in which version, and how many requests each
//! carried.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// One connection that was accepted.
///
/// ```no_run
/// use longhaul_sim::server::Server;
///
/// /// Whether every call had a connection of its own.
/// fn is_one_call_each(server: &Server) -> bool {
///     server.connections().iter().all(|connection| connection.requests <= 1)
/// }
/// ```
///
/// ```
/// use longhaul_sim::{Provider, server::Server};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let server = Server::start(Provider::default()).await?;
/// let mut client = tokio::net::TcpStream::connect(server.addr()).await?;
/// client.write_all(b"GET /files/none.png HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n").await?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
/// assert!(answer.starts_with("HTTP/1.1 404"));
/// let connection = &server.connections()[0];
/// assert_eq!((connection.number, connection.requests), (1, 1));
/// assert_eq!(connection.http_version.as_deref(), Some("HTTP/1.1"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Connection {
    /// Its place in the order of arrival, from 1.
    pub number: u64,
    /// Whether it is still open.
    pub open: bool,
    /// Whether its TLS handshake failed.
    ///
    /// As with a client that does not trust the certificate, or that does not speak the server's protocols.
    pub handshake_failed: bool,
    /// The protocol agreed on by ALPN.
    ///
    /// `None` on a plain connection, and where the client offered none.
    pub alpn: Option<String>,
    /// The version of its first request, such as `HTTP/1.1`.
    pub http_version: Option<String>,
    /// How many requests it carried, downloads included.
    ///
    /// 0 where it was opened and never used, as a pool may do.
    pub requests: u64,
    /// Bytes received, of HTTP; encryption is not counted.
    pub bytes_received: u64,
    /// Bytes sent, of HTTP; encryption is not counted.
    pub bytes_sent: u64,
}

/// All connections of a server.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections {
    all: Arc<Mutex<Vec<Connection>>>,
}

/// One connection, to write about.
#[derive(Debug, Clone)]
pub(super) struct ConnectionLog {
    connections: Connections,
    number: u64,
}

impl Connections {
    /// A copy, in the order of arrival.
    pub(super) fn list(&self) -> Vec<Connection> {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes a connection that was just accepted.
    pub(super) fn open(&self) -> ConnectionLog {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let number = all.len() as u64 + 1;
        all.push(Connection {
            number,
            open: true,
            handshake_failed: false,
            alpn: None,
            http_version: None,
            requests: 0,
            bytes_received: 0,
            bytes_sent: 0,
        });
        ConnectionLog {
            connections: self.clone(),
            number,
        }
    }
}

impl ConnectionLog {
    /// Its place in the order, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Changes what is known of it, under the lock.
    pub(super) fn update(&self, change: impl FnOnce(&mut Connection)) {
        let mut all = self
            .connections
            .all
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = all.get_mut(self.number as usize - 1) {
            change(connection);
        }
    }
}
