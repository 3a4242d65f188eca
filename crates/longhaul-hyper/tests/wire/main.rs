//! The client against real sockets on loopback, with servers that misbehave by script.

mod answers;
mod connect;
mod malformed;
mod pool;
mod proof;
mod proxy;
mod server;
mod tls;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use longhaul::{Attempt, Error};
use longhaul_hyper::{Client, ResponseBody};
use tower_service::Service;

type Http = Client<Full<Bytes>>;

fn plain() -> Http {
    Client::builder()
        .plain_http_only()
        .build()
        .expect("valid settings")
}

/// A POST of `size` bytes, with a handle that sees what becomes of it.
fn post(address: &str, size: usize) -> (Request<Full<Bytes>>, Attempt) {
    let mut request = Request::post(address)
        .body(Full::from(vec![b'x'; size]))
        .expect("a valid request");
    let (attempt, _) = Attempt::enter(request.extensions_mut());
    (request, attempt)
}

async fn call(
    client: &Http,
    request: Request<Full<Bytes>>,
) -> Result<Response<ResponseBody>, Error> {
    client.clone().call(request).await
}
