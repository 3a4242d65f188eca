//! One connection: hyper's, and the counts beside it.
//!
//! hyper splits a connection into a sender and a future that reads and writes. Usually that future is a task of its
//! own, which goes on writing after a call was dropped. Here whoever waits for the answer polls it, so what was counted
//! when a call ends is final. The price: a connection that nobody polls answers nothing, not even its server's close;
//! [`is_idle`](Wire::is_idle) looks for that when it is taken.

use std::{
    fmt,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1,
    rt::{Read, ReadBufCursor, Write},
};

use crate::{
    body::RequestBody,
    connector::Connection,
    proof::{Exchange, Meter},
};

/// A connection that is driven by the call that it carries: it does nothing while nobody polls it.
pub(crate) struct Wire {
    sender: http1::SendRequest<RequestBody>,
    // `None` once it has ended.
    connection: Option<http1::Connection<Counted, RequestBody>>,
    meter: Meter,
}

impl Wire {
    /// Speaks HTTP/1.1 over `io`.
    ///
    /// A new connection with counts at 0. Nothing is sent by it: HTTP/1.1 begins with the first request.
    pub(crate) async fn over(io: Connection, http: &http1::Builder) -> hyper::Result<Box<Self>> {
        let meter = Meter::default();
        let counted = Counted {
            io,
            meter: meter.clone(),
        };
        let (sender, connection) = http.handshake(counted).await?;
        Ok(Box::new(Self {
            sender,
            connection: Some(connection),
            meter,
        }))
    }

    /// Hands the request over; it is written when the connection is driven.
    ///
    /// From now on the meter counts for `exchange`. The future owns nothing of the connection, so both can be polled
    /// side by side.
    pub(crate) fn send(
        &mut self,
        request: Request<RequestBody>,
        exchange: Arc<Exchange>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        self.meter.begin(exchange);
        self.sender.send_request(request)
    }

    /// Writes and reads as much as can be done now.
    ///
    /// An error of the connection is told to whoever waits for an answer or a body, by hyper itself; so it is not
    /// looked at here.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            // Whoever waits for something of it has been told, or is by this.
            self.connection = None;
        }
    }

    /// Whether nothing is left of the exchange that it carried.
    ///
    /// A request whose body still waits to be written leaves it undone, though the answer has ended.
    pub(crate) fn is_done(&mut self) -> bool {
        // The last piece of an answer often leaves it so.
        self.connection.is_some() && self.sender.is_ready() || self.is_idle()
    }

    /// Whether it could take a request now, as far as this machine knows.
    ///
    /// It is polled once, without waiting: a close that lies in the socket is read by that.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("open", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}

/// A connection's bytes, counted as they are written; above any encryption.
struct Counted {
    io: Connection,
    meter: Meter,
}

impl Read for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl Write for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { io, meter } = self.get_mut();
        meter.write(|| Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { io, meter } = self.get_mut();
        meter.write(|| Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, meter } = self.get_mut();
        meter.flush(|| Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Flushes too, so that TLS gives out what it still holds.
        let Self { io, meter } = self.get_mut();
        meter.flush(|| Pin::new(io).poll_shutdown(cx))
    }
}
