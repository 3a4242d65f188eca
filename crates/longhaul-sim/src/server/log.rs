//! What is known of the connections.

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Connection {
    /// Its place in the order of arrival, from 1.
    pub number: u64,
    /// Whether it is still open.
    pub open: bool,
    /// Whether its TLS handshake failed.
    pub handshake_failed: bool,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
    /// The version of its first request, such as `HTTP/1.1`.
    pub http_version: Option<String>,
    /// How many requests it carried, downloads included.
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
    pub(super) fn list(&self) -> Vec<Connection> {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

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
    pub(super) fn number(&self) -> u64 {
        self.number
    }

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
