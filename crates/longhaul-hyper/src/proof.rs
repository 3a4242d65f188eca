//! What was written for one request, counted where it is written.
//!
//! A connection is driven by the call that it carries and by nobody else, so it writes only while that
//! call, or the body of its answer, is polled. What was counted when a call ends is all that was written.
//!
//! Two counts are kept. *Written* is what the connection took, which may still lie in a buffer of TLS or of the kernel.
//! *Flushed* is what a flush has ended after: it has left this process. A request is known to be complete only when its
//! body has ended and everything offered was flushed. Anything less is told as unfinished, which the layers above read
//! as “cannot have been sent whole”. The counts are taken above encryption, in bytes of HTTP.
//!
//! Nobody asks the operating system what the other end has acknowledged: an acknowledged byte proves a kernel and no
//! server.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, ready},
};

use longhaul::attempt::{Transport, Written};
use tokio::time::Instant;

/// One request on its connection.
///
/// Read by the [`Attempt`](longhaul::Attempt) through [`Transport`], at any time and from any task; written by its
/// connection alone.
#[derive(Debug, Default)]
pub(crate) struct Exchange(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    counts: Written,
    /// The request's body has given its last byte, or has none.
    body_ended: bool,
    /// The connection was offered bytes, and no flush has ended since.
    unflushed: bool,
}

impl Exchange {
    /// Nothing more is to be written for this request but what was handed over already.
    pub(crate) fn body_ended(&self) {
        self.state().body_ended = true;
    }

    /// Said before the bytes are: whatever the connection does with them, they are not flushed.
    fn offered(&self) {
        self.state().unflushed = true;
    }

    /// So many bytes were taken; 0 leaves the time of the last write as it was.
    fn accepted(&self, bytes: usize) {
        if bytes > 0 {
            let mut state = self.state();
            state.counts.written += bytes as u64;
            state.counts.last_write = Some(Instant::now());
        }
    }

    /// A flush has ended: everything written before it is out. One that moves nothing is no progress, and leaves the
    /// time as it was.
    fn flushed(&self) {
        let mut state = self.state();
        state.unflushed = false;
        let counts = &mut state.counts;
        if counts.flushed < counts.written {
            counts.flushed = counts.written;
            counts.flushed_at = Some(Instant::now());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain counts: a panic elsewhere cannot have left them half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Exchange {
    fn written(&self) -> Written {
        let state = self.state();
        Written {
            unfinished: state.unflushed || !state.body_ended,
            ..state.counts
        }
    }
}

/// Counts for the request that its connection carries at the moment.
///
/// A connection carries one request after the other, and the meter counts for the one that it carries now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Mutex<Arc<Exchange>>>);

impl Meter {
    /// From now on the connection's bytes are counted for this request.
    pub(crate) fn begin(&self, exchange: Arc<Exchange>) {
        *self.lock() = exchange;
    }

    /// Writes, and counts what was taken.
    ///
    /// The lock is held while the socket is written to, so a reader sees either none or all of what one write took.
    pub(crate) fn write(
        &self,
        write: impl FnOnce() -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let exchange = self.lock();
        exchange.offered();
        let accepted = ready!(write())?;
        exchange.accepted(accepted);
        Poll::Ready(Ok(accepted))
    }

    /// Flushes, and counts what is out then.
    pub(crate) fn flush(
        &self,
        flush: impl FnOnce() -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        ready!(flush())?;
        self.lock().flushed();
        Poll::Ready(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carrying() -> (Meter, Arc<Exchange>) {
        let (meter, exchange) = (Meter::default(), Arc::<Exchange>::default());
        meter.begin(exchange.clone());
        exchange.body_ended();
        (meter, exchange)
    }

    fn write(meter: &Meter, took: usize) {
        let polled = meter.write(|| Poll::Ready(Ok(took)));
        assert!(matches!(polled, Poll::Ready(Ok(n)) if n == took));
    }

    fn flush(meter: &Meter) {
        assert!(meter.flush(|| Poll::Ready(Ok(()))).is_ready());
    }

    #[test]
    fn a_flush_that_moves_nothing_is_no_flush() {
        let (meter, exchange) = carrying();
        write(&meter, 9);
        flush(&meter);
        let first = exchange.written();
        assert_eq!((first.written, first.flushed), (9, 9));
        assert!(!first.unfinished);

        flush(&meter);
        assert_eq!(exchange.written(), first);
    }

    #[test]
    fn what_the_socket_does_not_take_is_missing() {
        let (meter, exchange) = carrying();
        write(&meter, 9);
        flush(&meter);
        // Nothing of the next piece was taken, and so no count tells of it.
        assert!(meter.write(|| Poll::Pending).is_pending());
        let counts = exchange.written();
        assert_eq!((counts.written, counts.flushed), (9, 9));
        assert!(counts.unfinished);
    }

    #[test]
    fn a_body_that_has_not_ended_is_missing() {
        let (meter, exchange) = (Meter::default(), Arc::<Exchange>::default());
        meter.begin(exchange.clone());
        write(&meter, 9);
        flush(&meter);
        assert!(exchange.written().unfinished);
        exchange.body_ended();
        assert!(!exchange.written().unfinished);
    }

    #[test]
    fn each_request_has_its_own_count() {
        let (meter, first) = carrying();
        write(&meter, 9);
        flush(&meter);

        let second = Arc::<Exchange>::default();
        meter.begin(second.clone());
        write(&meter, 4);

        assert_eq!((first.written().written, first.written().flushed), (9, 9));
        assert_eq!((second.written().written, second.written().flushed), (4, 0));
    }
}
