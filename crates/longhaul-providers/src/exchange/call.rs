//! The first call of an exchange, and those that follow it.

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
pub(crate) struct Call<S> {
    ready: Option<S>,
    client: S,
    pub(crate) head: Parts,
}

impl<S: Clone> Call<S> {
    /// `ready` is ready to be called once.
    pub(crate) fn new(ready: S, head: Parts) -> Self {
        Self {
            client: ready.clone(),
            ready: Some(ready),
            head,
        }
    }

    /// Gives up the promise that the client is ready: it may have to wait now.
    pub(crate) fn unready(&mut self) {
        self.ready = None;
    }

    /// The client, without a promise that it is ready.
    pub(crate) fn client(&self) -> S {
        self.client.clone()
    }

    /// The caller's own head, with what belongs to the attempt.
    pub(crate) fn own_head(&self) -> Parts {
        self.head.clone()
    }

    /// Sends a request that belongs to the attempt.
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

/// Calls a client when it is ready.
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
