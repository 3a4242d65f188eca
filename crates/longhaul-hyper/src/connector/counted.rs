use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{self, Connected},
    rt::TokioIo,
};

use super::socket::Socket;
use crate::proof::{Meter, Tap};

/// A connection that counts what it writes, above any encryption.
#[derive(Debug)]
pub struct Connection {
    io: TokioIo<Socket>,
    meter: Arc<Meter>,
}

impl Connection {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            io: TokioIo::new(socket),
            meter: Arc::default(),
        }
    }
}

impl connect::Connection for Connection {
    fn connected(&self) -> Connected {
        // With the addresses, as hyper-util's own connector tells them.
        let connected = connect::Connection::connected(self.io.inner().tcp());
        if self.io.inner().is_h2() {
            // Many requests share it: no count could be told apart.
            return connected.negotiated_h2();
        }
        connected.extra(Tap::new(self.meter.clone()))
    }
}

impl Read for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl Write for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { io, meter } = self.get_mut();
        meter.write(buf.len(), || Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { io, meter } = self.get_mut();
        let offered = bufs.iter().map(|buf| buf.len()).sum();
        meter.write(offered, || Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, meter } = self.get_mut();
        meter.flush(|| Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { io, meter } = self.get_mut();
        meter.shutdown(|| Pin::new(io).poll_shutdown(cx))
    }
}
