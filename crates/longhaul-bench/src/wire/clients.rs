//! The clients, as one would set them up.
//!
//! Types differ from client to client, so what is done with one is a [`Job`] that is generic over it, and no client is
//! boxed for the measurement's sake.

use std::{error::Error, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use longhaul::{BoxError, Stack, StackRequestBody, http1::HttpScope, policy::Policy};
use longhaul_hyper::Client;
use tower::{Layer, Service, ServiceExt};

use super::Which;
use crate::contenders::{self, Call};

/// No call waits for a place, however many there are.
const PLACES: usize = 1 << 20;

/// Something that is done with a client, whatever its type.
pub(super) trait Job {
    type Done;

    /// `forget` throws away what a ledger has collected, as a reader would take it out.
    fn with<S, B>(
        self,
        client: S,
        forget: impl Fn() + Clone + Send + 'static,
    ) -> impl Future<Output = Result<Self::Done, BoxError>>
    where
        S: Service<Call, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body + Send + Unpin + 'static,
        B::Error: Into<BoxError>;
}

/// Does the job with this client, on a runtime of one thread.
pub(super) fn run<J: Job>(which: Which, job: J) -> Result<J::Done, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        match which {
            Which::Plain => job.with(plain(), || {}).await,
            Which::Client => {
                let client = longhaul_hyper_client::<Full<Bytes>>()?;
                job.with(client, || {}).await
            }
            Which::Stack => {
                let mut policy = Policy::nano_banana_pro();
                policy.in_flight.max_per_host = PLACES;
                // The server is on this machine.
                policy.http1.scope = HttpScope::Private;
                let client = longhaul_hyper_client::<StackRequestBody<Full<Bytes>>>()?;
                let stack = Stack::new(policy)?;
                let ledger = stack.ledger().clone();
                let forget = move || drop(ledger.drain());
                job.with(stack.layer(client), forget).await
            }
        }
    });
    done.map_err(|error: BoxError| error as Box<dyn Error>)
}

pub(crate) fn plain() -> legacy::Client<HttpConnector, Full<Bytes>> {
    legacy::Client::builder(TokioExecutor::new()).build_http()
}

fn longhaul_hyper_client<B>() -> Result<Client<B>, longhaul::ConfigError>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    Client::builder().plain_http_only().build()
}

/// A request for a picture, with a body of 1 KiB.
pub(super) fn call(server: SocketAddr, path: &str) -> Result<Call, BoxError> {
    let mut call = contenders::call(&contenders::body(1 << 10));
    *call.uri_mut() = format!("http://{server}{path}").parse()?;
    Ok(call)
}

/// Sends it and reads the answer piece by piece; returned is its length.
pub(crate) async fn send<S, B>(client: S, call: Request<Full<Bytes>>) -> Result<usize, BoxError>
where
    S: Service<Call, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    let mut body = client.oneshot(call).await.map_err(Into::into)?.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Into::into)?;
        length += frame.data_ref().map_or(0, bytes::Buf::remaining);
    }
    Ok(length)
}
