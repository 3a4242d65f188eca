//! The stream of a connection, watched and ended from outside.
//!
//! A fault must end the connection as the real thing does: with a FIN, a RST or a GOAWAY, and at a moment that the HTTP
//! server does not choose. So it is done here, below the server, when it reads next. The other direction is the flush:
//! the oracle may call an answer delivered when the operating system has its last byte, and not before.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::log::ConnectionLog;
use crate::line::{HangUp, Line};

/// A connection's stream, plain or encrypted.
#[derive(Debug)]
pub(super) enum MaybeTls {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl MaybeTls {
    /// The stream, whichever it is.
    fn pinned(&mut self) -> Pin<&mut dyn Duplex> {
        match self {
            Self::Plain(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
        }
    }

    /// The TCP stream at the bottom, which a reset is done to.
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// A stream in both directions.
trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// Counts bytes, tells the line of flushes, and ends the connection when the line is hung up.
#[derive(Debug)]
pub(super) struct Watched {
    stream: MaybeTls,
    line: Line,
    log: ConnectionLog,
    /// Whether something was written that may not be flushed yet.
    unflushed: bool,
    /// Bytes that are written before the end: a GOAWAY, or none.
    farewell: Option<Vec<u8>>,
}

impl Watched {
    /// Of a connection that was just opened.
    pub(super) fn new(stream: MaybeTls, line: Line, log: ConnectionLog) -> Self {
        Self {
            stream,
            line,
            log,
            unflushed: false,
            farewell: None,
        }
    }

    /// Ends the connection; an error once that is done, so that the HTTP server lets go of it.
    fn poll_end(&mut self, how: HangUp, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if how == HangUp::Reset {
            self.stream.tcp().set_zero_linger()?;
        } else {
            let farewell = self.farewell.get_or_insert_with(|| match how {
                // In the middle of another frame it would not be understood.
                HangUp::GoAway { processed } if !self.unflushed => goaway(processed),
                _ => Vec::new(),
            });
            while !farewell.is_empty() {
                let written = ready!(self.stream.pinned().poll_write(cx, farewell))?;
                farewell.drain(..written);
            }
            ready!(self.stream.pinned().poll_shutdown(cx))?;
        }
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

/// RFC 9113, section 6.8: eight bytes of payload, on stream 0, without an error. The last stream is the highest
/// possible if all open ones are covered, and 0 if none is.
fn goaway(processed: bool) -> Vec<u8> {
    let last_stream = if processed { 0x7fff_ffff_u32 } else { 0 };
    let mut frame = vec![0, 0, 8, 7, 0, 0, 0, 0, 0];
    frame.extend(last_stream.to_be_bytes());
    frame.extend(0_u32.to_be_bytes());
    frame
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(how) = self.line.poll_hang_up(cx) {
            return self.poll_end(how, cx);
        }
        let before = buffer.filled().len();
        ready!(self.stream.pinned().poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        self.log
            .update(|connection| connection.bytes_received += read as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buffer)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_hung_up() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = ready!(self.stream.pinned().poll_write_vectored(cx, buffers))?;
        self.unflushed = true;
        self.log
            .update(|connection| connection.bytes_sent += written as u64);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            MaybeTls::Plain(stream) => stream.is_write_vectored(),
            MaybeTls::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.pinned().poll_flush(cx))?;
        self.unflushed = false;
        self.line.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.pinned().poll_shutdown(cx)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.line.gone();
        self.log.update(|connection| connection.open = false);
    }
}
