use super::{InFlightLayer, InFlightPolicy};
use crate::config::ConfigError;
use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::{Permit, ResponseBody},
    future::ResponseFuture,
    queue::{Queued, admit},
    semaphores::HostSemaphores,
};
use crate::{
    attempt::{Admission, Attempt},
    error::{BoxError, Error},
};

/// Lets so many calls to a host in at once, and the others wait for a place.
///
/// Places are given in the order of asking, so that no call starves. A place is held to the last byte of the answer, since that is
/// how long the provider counts it.
#[derive(Clone, Debug)]
pub struct InFlight<S> {
    inner: S,
    places: Arc<HostSemaphores>,
}

impl<S> InFlight<S> {
    /// Lets in as many calls as `policy` says, with state of its own: services that share it are made by one [`InFlightLayer`]. Refuses a policy that cannot
    /// work.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), longhaul::BoxError> {
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use longhaul::{Error, ErrorKind, in_flight::{InFlight, InFlightPolicy}};
    /// use tower::{ServiceExt, service_fn};
    ///
    /// let mut policy = InFlightPolicy::default();
    /// policy.max_per_host = 1;
    /// let client = InFlight::new(service_fn(async |_: Request<()>| {
    ///     Ok::<_, Error>(Response::new(Full::<Bytes>::from("a picture")))
    /// }), policy)?;
    /// let request = || Request::get("https://api.example.com/").body(());
    /// let unread = client.clone().oneshot(request()?).await?;
    /// // After 10 s without a place: nothing was begun.
    /// let error = client.oneshot(request()?).await.unwrap_err();
    /// assert!(matches!(error.kind(), ErrorKind::QueueTimeout { in_flight: 1, .. }));
    /// # drop(unread);
    /// # Ok(()) }
    /// ```
    pub fn new(inner: S, policy: InFlightPolicy) -> Result<Self, ConfigError> {
        Ok(InFlightLayer::new(policy)?.layer(inner))
    }

    accessors!();

    pub(super) const fn from_parts(inner: S, places: Arc<HostSemaphores>) -> Self {
        Self { inner, places }
    }
}

impl<S, B, ResBody> Service<Request<B>> for InFlight<S>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    ResBody: Body,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = Error;
    type Future = ResponseFuture<S, S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let attempt = request.extensions().get::<Attempt>().cloned();
        let places = self.places.of(request.uri());

        // What is made beside an attempt that is late takes no place from others: the operation has one.
        let shared = attempt
            .as_ref()
            .and_then(Attempt::place)
            .filter(|place| Arc::ptr_eq(place.semaphore(), &places))
            .map(Permit::shared);
        // Fair: while anybody waits, a place that is given back goes to the first in the queue and is
        // never seen as free (tokio's `batch_semaphore`: `add_permits_locked` serves the waiters and
        // adds only what is left over to the count that `try_acquire` reads).
        let free = || {
            let permit = places.clone().try_acquire_owned().ok()?;
            Some(Permit::new(permit, attempt.as_ref()))
        };
        if let Some(place) = shared.or_else(free) {
            return match admit(Admission::of(request.extensions()).as_ref()) {
                Ok(()) => ResponseFuture::calling(self.inner.call(request), place, attempt),
                Err(error) => ResponseFuture::refused(error, attempt),
            };
        }

        // What `poll_ready` made ready is given up: a call that waits holds nothing that others could use.
        let clone = self.inner.clone();
        drop(mem::replace(&mut self.inner, clone));
        let service = self.inner.clone();
        let queued = Queued::new(places, self.places.policy(), service, request);
        ResponseFuture::waiting(queued, attempt)
    }
}
