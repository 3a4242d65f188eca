use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, ready},
};

use longhaul::attempt::Written;
use tokio::time::Instant;

/// Counts what a connection wrote, and stops it when nothing more may be written.
///
/// The lock is held while the socket is written, so that "sealed" and "written" are never out of step.
/// Nobody waits for it long: sockets do not block, and readers come once or twice per call.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    counts: Written,
    /// The last write took all it was offered, and no flush has been asked for since: whether the
    /// caller has more, or has just given its last byte, is not known yet.
    maybe_all: bool,
    sealed: bool,
}

impl Meter {
    /// The counts of the whole connection.
    pub(crate) fn counts(&self) -> Written {
        self.state().counts
    }

    /// From now on not a byte: the call that wrote has ended, and what was proved of it stays true.
    ///
    /// In the instant between a whole write and its flush it might look as if something were missing.
    /// The doubt counts as flushed: a request is not "partly sent" unless that is certain.
    pub(crate) fn seal(&self) {
        let mut state = self.state();
        if state.maybe_all {
            state.flushed();
        }
        state.sealed = true;
    }

    /// Writes through `write`, unless sealed, and counts what it took of the `offered` bytes.
    pub(crate) fn write(
        &self,
        offered: usize,
        write: impl FnOnce() -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        state.check()?;
        state.maybe_all = false;
        let accepted = ready!(write())?;
        state.maybe_all = accepted == offered;
        if accepted > 0 {
            state.counts.written += accepted as u64;
            state.counts.last_write = Some(Instant::now());
        }
        Poll::Ready(Ok(accepted))
    }

    /// Flushes through `flush`, unless sealed, and counts what is out then.
    pub(crate) fn flush(
        &self,
        flush: impl FnOnce() -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        state.check()?;
        state.maybe_all = false;
        ready!(flush())?;
        state.flushed();
        Poll::Ready(Ok(()))
    }

    /// Shuts down through `shutdown`. A sealed connection is only dropped: TLS would first send what
    /// it still holds.
    pub(crate) fn shutdown(
        &self,
        shutdown: impl FnOnce() -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.sealed {
            return Poll::Ready(Ok(()));
        }
        state.maybe_all = false;
        ready!(shutdown())?;
        state.flushed();
        Poll::Ready(Ok(()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain counts: a panic elsewhere cannot have left them half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        if self.sealed {
            return Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the call that this connection carried has ended",
            ));
        }
        Ok(())
    }

    fn flushed(&mut self) {
        if self.counts.flushed < self.counts.written {
            self.counts.flushed = self.counts.written;
            self.counts.flushed_at = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(meter: &Meter, offered: usize, took: usize) {
        let polled = meter.write(offered, || Poll::Ready(Ok(took)));
        assert!(matches!(polled, Poll::Ready(Ok(n)) if n == took));
    }

    fn sealed(meter: &Meter) -> (u64, u64) {
        meter.seal();
        (meter.counts().written, meter.counts().flushed)
    }

    #[test]
    fn a_flush_that_moves_nothing_is_no_flush() {
        let meter = Meter::default();
        write(&meter, 9, 9);
        assert!(meter.flush(|| Poll::Ready(Ok(()))).is_ready());
        let first = meter.counts();
        assert_eq!((first.written, first.flushed), (9, 9));

        assert!(meter.flush(|| Poll::Ready(Ok(()))).is_ready());
        assert_eq!(meter.counts(), first);
    }

    #[test]
    fn sealed_after_a_short_write_the_rest_is_certainly_missing() {
        let meter = Meter::default();
        write(&meter, 9, 5);
        assert_eq!(sealed(&meter), (5, 0));

        let meter = Meter::default();
        write(&meter, 9, 9);
        assert!(meter.write(9, || Poll::Pending).is_pending());
        assert_eq!(sealed(&meter), (9, 0));
    }

    #[test]
    fn sealed_while_the_flush_waits_the_rest_is_certainly_missing() {
        let meter = Meter::default();
        write(&meter, 9, 9);
        assert!(meter.flush(|| Poll::Pending).is_pending());
        assert_eq!(sealed(&meter), (9, 0));
    }

    #[test]
    fn sealed_between_a_whole_write_and_its_flush_all_may_be_out() {
        let meter = Meter::default();
        write(&meter, 9, 9);
        assert_eq!(sealed(&meter), (9, 9));
    }

    #[test]
    fn sealed_nothing_is_written_or_flushed_any_more() {
        let meter = Meter::default();
        meter.seal();
        let never = || -> Poll<io::Result<()>> { panic!("the socket is left alone") };
        assert!(matches!(
            meter.write(9, || never().map_ok(|()| 9)),
            Poll::Ready(Err(_))
        ));
        assert!(matches!(meter.flush(never), Poll::Ready(Err(_))));
        assert!(matches!(meter.shutdown(never), Poll::Ready(Ok(()))));
    }
}
