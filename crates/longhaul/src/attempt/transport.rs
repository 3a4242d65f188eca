//! The proof of what was written, as far as a client can give one.
//!
//! Proof decides what an ending costs. A connection that broke before its first byte is free; the same error after a flushed
//! request may be a running generation. Error names do not tell the two apart: the kernel reports "host unreachable" in both
//! cases.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

/// What a connection wrote for one attempt.
///
/// A client that can count its bytes implements this for a view on its connection and
/// [links](super::Attempt::link) it to the attempt.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use longhaul::attempt::{Transport, Written};
///
/// /// Counts what was written on a connection that carries one request at a time.
/// #[derive(Debug, Default)]
/// struct Counted(AtomicU64);
///
/// impl Transport for Counted {
///     fn written(&self) -> Written {
///         let bytes = self.0.load(Ordering::Relaxed);
///         Written { written: bytes, flushed: bytes, ..Written::default() }
///     }
/// }
///
/// assert_eq!(Counted(AtomicU64::new(4_096)).written().flushed, 4_096);
/// ```
///
/// A connection that carries one request after another reports the bytes of the attempt, not of its whole life: the view
/// subtracts what was written before. HTTP/2 cannot be counted so, since its frames mix; a client then calls
/// [`unproved`](super::Attempt::unproved).
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// The counts at this moment. Called rarely: when a clock fires or an attempt ends.
    ///
    /// Must not block, and must not go back: an attempt that was proved to be out whole stays out. It may be called after the
    /// connection has closed, and then returns the last counts.
    fn written(&self) -> Written;
}

/// Bytes of one attempt on its connection, above any encryption.
///
/// What is written and not flushed may still lie in a buffer of TLS, and counts as sent all the same: it may leave at any moment.
///
/// ```
/// use longhaul::attempt::Written;
///
/// // A request whose head is out and whose body is not: nothing can have been made of it.
/// let part = Written { written: 512, flushed: 512, unfinished: true, ..Written::default() };
/// assert!(part.unfinished && part.flushed == part.written);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// Bytes accepted by the connection.
    pub written: u64,
    /// Bytes that a completed flush has handed to the operating system.
    pub flushed: u64,
    /// When the connection last accepted bytes.
    pub last_write: Option<Instant>,
    /// When a flush last moved bytes.
    pub flushed_at: Option<Instant>,
    /// The request is known to have more bytes than these: its body has not ended, or the connection still holds some of
    /// them. `false` where the client cannot tell.
    pub unfinished: bool,
}

impl Written {
    /// Whether no byte of the request is known to be missing.
    pub(super) const fn is_all_out(&self) -> bool {
        !self.unfinished && self.flushed >= self.written
    }
}

/// What is known of the connection below.
///
/// The order of the calls is `connecting`, then `link` or `unproved`. After a link, neither of the others changes anything; a
/// further link takes its place, for clients that move a request to another connection.
#[derive(Clone, Default, Debug)]
pub(super) enum TransportState {
    /// The client proves nothing.
    #[default]
    Unproved,
    /// The client will link a connection before it writes.
    Connecting,
    /// The connection that carries the attempt.
    Linked(Arc<dyn Transport>),
}

impl TransportState {
    pub(super) fn connecting(&mut self) {
        if matches!(self, Self::Unproved) {
            *self = Self::Connecting;
        }
    }

    pub(super) fn unproved(&mut self) {
        if matches!(self, Self::Connecting) {
            *self = Self::Unproved;
        }
    }

    pub(super) fn link(&mut self, transport: Arc<dyn Transport>) {
        *self = Self::Linked(transport);
    }
}
