//! The line to a client on a socket: what the provider may know of it and do to it.
//!
//! In process a body that was taken has arrived. On a socket there are buffers in between, so the oracle may call an
//! answer delivered only when its last byte was flushed, and a fault that cuts a connection has to end it for all
//! streams on it. This handle carries both between the provider, which decides, and the connection, which does. It
//! travels in the request's extensions; where there is none, the provider runs in process.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

/// How a connection is ended by force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangUp {
    /// FIN, as a program does that closes its end.
    Close,
    /// RST: the client's system throws away what it has not yet handed to the program.
    #[cfg(feature = "server")]
    Reset,
    /// HTTP/2: GOAWAY, then closed.
    #[cfg(feature = "server")]
    GoAway {
        /// Whether the GOAWAY covers the streams that are open.
        processed: bool,
    },
}

/// A shared handle on one connection. In process there is none.
#[derive(Clone)]
pub(crate) struct Line {
    number: u64,
    secure: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Whoever waits for the next flush.
    after_flush: Vec<Callback>,
    /// Decided once; the connection ends when it is read next.
    hang_up: Option<HangUp>,
    /// The connection is closed, and nothing will be flushed any more.
    gone: bool,
    /// The task that reads the connection, to be woken when it is to be ended.
    reader: Option<Waker>,
}

/// Called once, or dropped uncalled where the connection closes first: whoever waits for it takes that as “never”.
type Callback = Box<dyn FnOnce() + Send>;

impl Line {
    /// As in the list of the server's connections, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether it is encrypted.
    pub(crate) fn secure(&self) -> bool {
        self.secure
    }

    /// Calls back when all that was handed over is written, or drops the callback when that can never be.
    pub(crate) fn after_flush(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        if !state.gone {
            state.after_flush.push(Box::new(callback));
        }
    }

    /// Ends the connection. The first way of ending it counts.
    pub(crate) fn hang_up(&self, how: HangUp) {
        let mut state = self.state();
        state.hang_up.get_or_insert(how);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// The lock is held for a look: callbacks run outside of it, since they lead into the oracle, which may lead back
    /// here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the connection itself does with its line.
#[cfg(feature = "server")]
impl Line {
    /// Of a connection that was just accepted.
    pub(crate) fn new(number: u64, secure: bool) -> Self {
        Self {
            number,
            secure,
            state: Arc::default(),
        }
    }

    /// Whether the connection is to be ended; if not, the reader is woken when it is.
    pub(crate) fn poll_hang_up(&self, cx: &std::task::Context<'_>) -> Option<HangUp> {
        let mut state = self.state();
        if state.hang_up.is_none() {
            state.reader = Some(cx.waker().clone());
        }
        state.hang_up
    }

    /// Whether the connection is to be ended.
    ///
    /// Asked by writes: nothing more goes out once the end is decided.
    pub(crate) fn is_hung_up(&self) -> bool {
        self.state().hang_up.is_some()
    }

    /// All that was handed over is written.
    pub(crate) fn flushed(&self) {
        // Called outside the lock, like the drops below: the callbacks lead into the oracle and into wakers.
        let callbacks = std::mem::take(&mut self.state().after_flush);
        callbacks.into_iter().for_each(|callback| callback());
    }

    /// The connection is closed.
    pub(crate) fn gone(&self) {
        let callbacks = {
            let mut state = self.state();
            state.gone = true;
            std::mem::take(&mut state.after_flush)
        };
        drop(callbacks);
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("number", &self.number)
            .field("secure", &self.secure)
            .finish_non_exhaustive()
    }
}
