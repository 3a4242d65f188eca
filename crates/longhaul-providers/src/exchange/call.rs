//! The first call of an exchange, and those that follow it.
//!
//! Two kinds of requests leave in an exchange. Those of the attempt (the submit, the request for a stream, or the
//! caller's own request as it was) carry the handle of the [`Attempt`], so that the layers below note on it what was
//! sent and flushed. All others (polls, results, cancellations, lists of tasks) carry no handle: they order no picture,
//! and what is written for a poll must not look like a second order in the ledger.
//!
//! A service that was made ready may be called once. [`Call`] keeps the one that the layer above has made ready for the
//! first request of the attempt; later requests wait for a clone to become ready. The test
//! `polls_carry_the_key_and_nothing_of_the_attempt` keeps the split.

use std::future::poll_fn;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, Uri, Version,
    header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT},
    request::Parts,
};
use longhaul::{Attempt, Error};

use super::{Client, JoinedBody, memory::KEYS};

/// The client, ready for the first call, and the head of what the caller asked.
///
/// `ready` holds a promise of the service below, for example a permit of a limit: it is given back by
/// [`unready`](Self::unready), before anything is waited for, and by the first [`send`](Self::send).
pub(crate) struct Call<S> {
    ready: Option<S>,
    client: S,
    pub(crate) head: Parts,
}

impl<S: Clone> Call<S> {
    /// `ready` is a service whose `poll_ready` has said yes; its first call needs no waiting.
    pub(crate) fn new(ready: S, head: Parts) -> Self {
        Self {
            client: ready.clone(),
            ready: Some(ready),
            head,
        }
    }

    /// Gives up the promise that the client is ready: it may have to wait now.
    ///
    /// A call that waits for its turn behind another one of the same operation would otherwise keep a place in the
    /// client that the other may need for its polls: the two would wait for each other until the deadline.
    pub(crate) fn unready(&mut self) {
        self.ready = None;
    }

    /// The client, without a promise that it is ready.
    ///
    /// For what goes on after the attempt's own request: whoever calls it awaits `poll_ready` first.
    pub(crate) fn client(&self) -> S {
        self.client.clone()
    }

    /// The caller's own head, with what belongs to the attempt.
    ///
    /// The extensions are part of it, with the [`Attempt`] among them, so what is sent with this head is noted as the
    /// attempt's.
    pub(crate) fn own_head(&self) -> Parts {
        self.head.clone()
    }

    /// Sends a request that belongs to the attempt.
    ///
    /// The promise is used up by the first one; a second request (a submit that is made again, a unary call after a
    /// refused stream) waits until the client is ready. The error is the client's own, and already ours where the
    /// client below is one of our layers.
    pub(crate) async fn send<B, R>(
        &mut self,
        head: Parts,
        body: JoinedBody<B>,
    ) -> Result<Response<R>, Error>
    where
        S: Client<B, R>,
    {
        let request = Request::from_parts(head, body);
        match self.ready.take() {
            Some(mut ready) => ready.call(request).await.map_err(Error::from_inner),
            None => called(&mut self.client, request).await,
        }
    }

    /// Sends the caller's own request, as it is.
    ///
    /// Taken where an exchange finds out too late that it has no form for the call: the body was read to be looked at,
    /// and goes out as it came. The response is handed on unread.
    pub(crate) async fn pass<B, R>(
        &mut self,
        body: JoinedBody<B>,
    ) -> Result<Response<JoinedBody<R>>, Error>
    where
        S: Client<B, R>,
    {
        let response = self.send(self.own_head(), body).await?;
        Ok(response.map(JoinedBody::passing))
    }
}

/// Waits until a client is ready, and calls it.
pub(crate) async fn called<S, B, R>(
    client: &mut S,
    request: Request<JoinedBody<B>>,
) -> Result<Response<R>, Error>
where
    S: Client<B, R>,
{
    poll_fn(|cx| client.poll_ready(cx))
        .await
        .map_err(Error::from_inner)?;
    client.call(request).await.map_err(Error::from_inner)
}

/// Asks for `uri` with the keys of the caller, which must be allowed to go there. It is no attempt of its own: the handle
/// of the caller's does not go with it.
///
/// The request is `GET`-like and bodyless, and says HTTP/1.1: a poll is short, so it needs no connection of its own and
/// may take any that is idle. Of the caller's headers it carries the keys, the user agent, and OpenAI's organization
/// and project, without which a key of several projects does not see the task. `accept-encoding: identity` is asked for
/// so that a dialect's places are found in the bytes as they came. The extensions go with it except for the
/// [`Attempt`]: the scope of a network or a deadline counts for polls too.
pub(crate) async fn asked_again<S, B, R>(
    client: &mut S,
    head: &Parts,
    method: Method,
    uri: Uri,
) -> Result<Response<R>, Error>
where
    S: Client<B, R>,
{
    let mut request = Request::new(JoinedBody::whole(std::iter::empty::<Bytes>()));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    let carried = KEYS.iter().chain([&USER_AGENT]);
    for name in carried {
        for value in head.headers.get_all(name) {
            request.headers_mut().append(name, value.clone());
        }
    }
    for name in ["openai-organization", "openai-project"] {
        if let Some(value) = head.headers.get(name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    *request.extensions_mut() = head.extensions.clone();
    request.extensions_mut().remove::<Attempt>();
    called(client, request).await
}
