//! What the two exchanges ask of a client, in one word each.
//!
//! The bounds of a client that sends these bodies are five lines long and the same for every function of an exchange. A
//! blanket trait for each says them once; nobody implements either by hand.

use std::{future::Future, mem};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body;
use longhaul::{BoxError, Error};
use tower_service::Service;

use super::{Call, JoinedBody, ResponseFuture};

/// A body of bytes.
///
/// It is `Unpin`, so that a body can be read in a loop without being pinned first: bodies of `longhaul`'s layers and of
/// hyper are.
pub(crate) trait Bytewise: Body<Data = Bytes, Error: Into<BoxError>> + Unpin {}

impl<R> Bytewise for R
where
    R: Body<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
}

/// A client that takes bodies put together from pieces, and answers with bodies of bytes.
///
/// It is not required to be `Clone`: polling takes a client by value and calls it again and again. Only what calls it
/// from two places asks for more.
pub(crate) trait Client<B, R>:
    Service<Request<JoinedBody<B>>, Response = Response<R>, Error: Into<BoxError>>
{
}

impl<S, B, R> Client<B, R> for S
where
    S: Service<Request<JoinedBody<B>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
{
}

/// One call: an exchange where there is a plan for it, else the caller's request as it is.
///
/// The decision by the head is made at once, before anything is awaited or boxed, so that a call at a host that no
/// policy names costs a look into a table and nothing else: its future is the client's own. Everything that needs the
/// body is decided within `exchange`, which may still [`pass`](Call::pass) the call on.
///
/// `inner` is replaced by its clone, because the service that has said that it is ready must be the one that is called;
/// a clone has promised nothing.
pub(crate) fn begin<S, B, R, P, E>(
    inner: &mut S,
    request: Request<B>,
    plan: impl FnOnce(&Parts) -> Option<P>,
    exchange: impl FnOnce(Call<S>, B, P) -> E,
) -> ResponseFuture<S::Future, R>
where
    S: Client<B, R> + Clone,
    B: Bytewise,
    E: Future<Output = Result<Response<JoinedBody<R>>, Error>> + Send + 'static,
{
    let (head, body) = request.into_parts();
    let Some(plan) = plan(&head) else {
        let request = Request::from_parts(head, JoinedBody::passing(body));
        return ResponseFuture::passing(inner.call(request));
    };
    // The service that was made ready goes with the call; its clone stays.
    let clone = inner.clone();
    let ready = mem::replace(inner, clone);
    ResponseFuture::exchanging(Box::pin(exchange(Call::new(ready, head), body, plan)))
}
