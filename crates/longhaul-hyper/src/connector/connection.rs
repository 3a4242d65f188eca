//! What the connector hands out: the socket, with the traits that hyper asks for.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{self, Connected},
    rt::TokioIo,
};

use super::socket::Socket;

/// An open connection, as hyper reads and writes it: plain or encrypted, straight or through a proxy.
///
/// Made by a [`Connector`](crate::Connector), for a hyper-util client; there is nothing to call on it.
///
/// It is what hyper-util asks of a connection: hyper's own `Read` and `Write`, and `Connected`, which tells the
/// addresses of both ends. Dropped, it closes the socket.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_hyper::{Client, Connection};
/// use tower_service::Service;
///
/// let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let mut connector = Client::builder().plain_http_only().build_connector()?;
/// let connection: Connection = connector.call(format!("http://{}", server.local_addr()?).parse()?).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connection(TokioIo<Socket>);

impl Connection {
    /// Wraps an open socket.
    pub(super) fn new(socket: Socket) -> Self {
        Self(TokioIo::new(socket))
    }
}

impl connect::Connection for Connection {
    fn connected(&self) -> Connected {
        // With the addresses, as hyper-util's own connector tells them.
        connect::Connection::connected(self.0.inner().tcp())
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
