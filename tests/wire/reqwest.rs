//! reqwest as the client below the stack.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use longhaul::BoxError;
use reqwest::{Client, redirect, retry};
use tower::Service;

/// A [`reqwest::Client`] as a service of `http` requests.
#[derive(Clone, Debug)]
pub(crate) struct Reqwest(Client);

impl Reqwest {
    /// A client that leaves to the layers what is theirs: it follows no redirect, sends nothing again, has
    /// no clocks, and speaks HTTP/1.1.
    pub(crate) fn new() -> Self {
        // The one that longhaul's client uses too; another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .http1_only()
            .pool_idle_timeout(std::time::Duration::from_secs(2));
        Self(client.build().expect("valid settings"))
    }
}

impl<B> Service<Request<B>> for Reqwest
where
    B: Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<reqwest::Body>;
    type Error = reqwest::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let request = request.map(reqwest::Body::wrap).try_into()?;
            client.execute(request).await.map(Response::from)
        })
    }
}
