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
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// The counts at this moment. Called rarely: when a clock fires or an attempt ends.
    fn written(&self) -> Written;
}

/// Bytes of one attempt on its connection, above any encryption.
///
/// What is written and not flushed may still lie in a buffer of TLS, and counts as sent all the same: it may leave at any moment.
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
