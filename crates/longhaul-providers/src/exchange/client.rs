//! What the two exchanges ask of a client, in one word each.

use std::{future::Future, mem};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body::Body;
use longhaul::{BoxError, Error};
use tower_service::Service;

use super::{Call, JoinedBody, ResponseFuture};

/// A body of bytes.
pub(crate) trait Bytewise: Body<Data = Bytes, Error: Into<BoxError>> + Unpin {}

impl<R> Bytewise for R
where
    R: Body<Data = Bytes> + Unpin,
    R::Error: Into<BoxError>,
{
}

/// A client that takes bodies put together from pieces, and answers with bodies of bytes.
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
