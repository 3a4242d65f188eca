//! Places: so many operations at a time at each host, whoever asks.
//!
//! A client has a limit of connections whoever it is written by, so all policies queue for the same places. A place is
//! held until the answer's body has ended or is dropped; attempts of one operation that run at the same time share one.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body as _, Frame, SizeHint};
use longhaul_sim::{Body, SimError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many as the guide's connection pool holds.
const PLACES: usize = 10;

/// The places of one host; whoever waits is served in the order of arrival. Attempts of one operation that are under way
/// together have one place.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<HeaderValue, Weak<OwnedSemaphorePermit>>>>,
}

/// A place that a call has until its answer is at its end or dropped.
#[derive(Debug)]
pub(in crate::outcomes) struct Place {
    /// Nothing where the semaphore was closed, which nobody does
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(PLACES)),
            taken: Arc::default(),
        }
    }

    /// A place for a call of `operation`.
    pub(super) async fn take(&self, operation: Option<HeaderValue>) -> Place {
        let shared = operation
            .as_ref()
            .and_then(|it| self.taken().get(it)?.upgrade());
        if shared.is_some() {
            return Place { _permit: shared };
        }
        let permit = self.free.clone().acquire_owned().await.ok().map(Arc::new);
        if let (Some(operation), Some(permit)) = (operation, &permit) {
            self.taken().insert(operation, Arc::downgrade(permit));
        }
        Place { _permit: permit }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<HeaderValue, Weak<OwnedSemaphorePermit>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of an answer, and the place that it came on.
#[derive(Debug)]
pub(in crate::outcomes) struct Answer {
    body: Body,
    place: Option<Place>,
}

impl Answer {
    pub(super) fn new(body: Body, place: Place) -> Self {
        let place = (!body.is_end_stream()).then_some(place);
        Self { body, place }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = SimError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SimError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let at_end = matches!(polled, Poll::Ready(None | Some(Err(_))));
        if at_end || self.body.is_end_stream() {
            self.place = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
