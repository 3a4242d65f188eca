//! One call, from a connection to the head of its answer.
//!
//! The steps are: an idle connection or a new one; the request handed over; the connection driven until a head comes.
//! The attempt is told at the moment at which bytes may leave, not before: until then whatever fails was never sent.
//! Nothing is repeated here, not even what failed on a stale connection before its first byte. Whether to send again is
//! decided by one loop alone, above.

#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};

use http::{Request, Response};
use hyper::client::conn::http1;
use longhaul::{Attempt, Error};
use tokio::task::unconstrained;

use crate::{
    body::{RequestBody, ResponseBody},
    connector::{ConnectError, Connector},
    failure,
    pool::{Lease, Pool},
    proof::Exchange,
    request::Origin,
    settings::Settings,
    wire::Wire,
};

/// What the clones of a client share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) connector: Connector,
    pub(crate) http: http1::Builder,
    pub(crate) pool: Arc<Pool>,
}

/// A request that is ready to be written, where it goes, and what counts its bytes.
pub(crate) struct Outgoing {
    pub(crate) origin: Origin,
    pub(crate) request: Request<RequestBody>,
    pub(crate) exchange: Arc<Exchange>,
}

impl Shared {
    /// Sends it on a connection of its own, and waits for the head.
    ///
    /// Dropped, nothing more is written.
    ///
    /// The head comes back with the body still to be read; its connection is then the body's.
    pub(crate) async fn carry(
        self: Arc<Self>,
        outgoing: Outgoing,
        attempt: Option<Attempt>,
    ) -> Result<Response<ResponseBody>, Error> {
        let Outgoing {
            origin,
            request,
            exchange,
        } = outgoing;
        let mut wire = match self.pool.take(&origin, attempt.is_some()) {
            Some(wire) => wire,
            // Boxed, so that the rest of the call does not carry the room for it along.
            None => match Box::pin(self.connect(&origin)).await {
                Ok(wire) => wire,
                Err(error) => return Err(failure::of_attempt(error, attempt.as_ref())),
            },
        };
        // From here on bytes may leave, and the attempt sees them counted.
        if let Some(attempt) = &attempt {
            attempt.link(exchange.clone());
        }
        // Driving the connection is what completes it: nobody has to be woken for it, and no budget of the
        // task's may hold it back.
        let mut answer = pin!(unconstrained(wire.send(request, exchange.clone())));
        let answered = poll_fn(|cx| {
            wire.drive(cx);
            answer
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        });
        match answered.await {
            Ok(response) => {
                if let Some(attempt) = &attempt {
                    attempt.head_received(response.status(), response.version());
                }
                let lease = Lease::new(wire, origin, self.pool.clone());
                Ok(response.map(|body| ResponseBody::new(body, lease, attempt)))
            }
            Err(source) => {
                let error = failure::of_exchange(source, &exchange);
                Err(failure::of_attempt(error, attempt.as_ref()))
            }
        }
    }

    /// A new connection to this host, within the connect clock.
    async fn connect(&self, origin: &Origin) -> Result<Box<Wire>, Error> {
        let opened: Result<_, ConnectError> = self.connector.open(origin.uri()).await;
        let io = opened.map_err(failure::of_connect)?;
        // It has nothing to shake hands about in HTTP/1.1, and so no reason to fail.
        Wire::over(io, &self.http)
            .await
            .map_err(|source| failure::of_connect(ConnectError::unknown(source)))
    }
}
