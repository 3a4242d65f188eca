//! Watching an operation while it runs.
//!
//! An [`Observer`] hears each [`Event`]. With the feature `tracing` every attempt that `ClassifyingRetry` makes is a span too,
//! within the span that is entered where the operation is polled, and every other event is an event of it; with `metrics`,
//! [`metered()`] is an observer that counts.
//!
//! An operation of ten minutes has to say something before it ends. What it says is for people and for graphs alone: nothing in the
//! layers waits for an observer, and none of them decides by it.

#[cfg(feature = "metrics")]
mod metered;
#[cfg(feature = "tracing")]
mod traced;

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "metrics")]
pub use self::metered::metered;
use crate::{
    attempt::{Attempt, OperationId, shielded},
    model::{Class, Decision},
};

/// Something that a person who waits wants to know.
///
/// Enough for a line of progress under a spinner: that a call takes four minutes is easier to bear for whoever sees that it has
/// been sent, that it waits for a place, or that another target is asked now.
///
/// ```
/// use longhaul::observe::Event;
///
/// /// One line for whoever waits.
/// fn line(event: &Event<'_>) -> Option<String> {
///     Some(match event {
///         Event::Started { attempt } => format!("attempt {} is sent", attempt.number()),
///         Event::Late { .. } => "it takes longer than most, and may still come".to_owned(),
///         Event::Waiting { class, wait, .. } => format!("{class}: again in {} s", wait.as_secs()),
///         Event::FallingBack { to, .. } => format!("now {to} is asked"),
///         _ => return None,
///     })
/// }
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An attempt begins.
    Started {
        /// Its handle, to be read while it runs.
        attempt: &'a Attempt,
    },
    /// All places in flight are taken; nothing is lost but time. Told again each time the wait runs out
    /// and goes on.
    QueueTimeout {
        /// The attempt that has not begun; `None` where no layer above made one.
        attempt: Option<&'a Attempt>,
    },
    /// The limit of an attempt ran out before its picture began, and it goes on: its picture may still come.
    Late {
        /// The attempt.
        attempt: &'a Attempt,
    },
    /// An attempt ended, or is late, and another one will be made.
    Waiting {
        /// The attempt that ended, or is late.
        attempt: &'a Attempt,
        /// What that means.
        class: Class,
        /// How long until the next.
        wait: Duration,
        /// The wait that the server asked for, if it did.
        retry_after: Option<Duration>,
    },
    /// One target is given up, and another one is asked.
    FallingBack {
        /// Why.
        class: Class,
        /// The one that was asked.
        from: &'a str,
        /// The one that is asked now.
        to: &'a str,
        /// Whether an attempt at the first may still be running and charged.
        duplicate: bool,
    },
    /// Something was decided beside sending and waiting.
    Decided {
        /// The operation.
        operation: OperationId,
        /// What, with its numbers.
        decision: &'a Decision,
    },
    /// The last attempt has its answer's head, or its error; there will be no other.
    Settled {
        /// The attempt that the caller gets.
        attempt: &'a Attempt,
    },
}

/// Hears the [`Event`]s of operations: given to the retry layer for all of them, or as a request extension for one.
///
/// ```
/// use longhaul::{Stack, observe::{Event, Observer}, policy::Policy};
///
/// let observer = Observer::new(|event: &Event<'_>| {
///     if let Event::Waiting { class, wait, .. } = event {
///         println!("{class}: the next attempt is in {} s", wait.as_secs());
///     }
/// });
/// let stack = Stack::new(Policy::nano_banana_pro())?.with_observer(observer);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(&Event<'_>) + Send + Sync>);

impl Observer {
    /// Gives each event to `hear`, on the task that drives the operation: be quick, and do not block. A panic in it is reported
    /// as any other, and goes no further.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Stack, StackRequestBody, observe::{Event, Observer}, policy::Policy};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// let provider = service_fn(async |_: Request<StackRequestBody<Full<Bytes>>>| {
    ///     Response::builder().status(401).body(Full::<Bytes>::default())
    /// });
    /// let started = Arc::new(AtomicUsize::new(0));
    /// let counts = started.clone();
    /// let observer = Observer::new(move |event: &Event<'_>| {
    ///     if let Event::Started { .. } = event {
    ///         counts.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// });
    /// // For this operation alone; `Stack::with_observer` hears of all.
    /// let request = Request::get("https://api.example.com/v1/models").extension(observer).body(Full::<Bytes>::default())?;
    /// Stack::new(Policy::nano_banana_pro())?.layer(provider).oneshot(request).await?;
    /// assert_eq!(started.load(Ordering::Relaxed), 1);
    /// # Ok(()) }
    /// ```
    pub fn new(hear: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Tells both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self::new(move |event: &Event<'_>| {
            shielded(|| (self.0)(event));
            shielded(|| (other.0)(event));
        })
    }
}

/// Tells the trace, where there is one, and the observer.
pub(crate) fn tell(observer: Option<&Observer>, event: &Event<'_>) {
    #[cfg(feature = "tracing")]
    traced::tell(event);
    if let Some(Observer(hear)) = observer {
        shielded(|| hear(event));
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}
