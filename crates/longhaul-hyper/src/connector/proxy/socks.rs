//! SOCKS 5, by hyper-util.
//!
//! Its connector opens the connection to the proxy itself; here that is open already, within the clock's stages, so it
//! is given one that is.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::{client::legacy::connect::proxy::SocksV5, rt::TokioIo};
use longhaul::BoxError;
use tower_service::Service;

use crate::connector::{address::Address, dns, socket::Socket};

/// Asks for a way to `target`. With `socks5` the first address of the name is taken, since SOCKS has no race; with
/// `socks5h` the proxy resolves, and no name leaks to the local DNS.
pub(super) async fn open(
    socket: Socket,
    target: &Address,
    by_proxy: bool,
    user: Option<(&str, &str)>,
) -> Result<Socket, BoxError> {
    let target = match by_proxy {
        true => target.to_string(),
        false => {
            let mut addresses = dns::resolve(target).await?;
            addresses
                .next()
                .ok_or("the name has no address")?
                .to_string()
        }
    };
    let uri = |authority: &str| {
        Uri::builder()
            .scheme("http")
            .authority(authority)
            .path_and_query("/")
            .build()
    };
    // The connection is there already; where the proxy is does not matter any more.
    let mut socks = SocksV5::new(uri("proxy")?, Connected(Some(TokioIo::new(socket))));
    if let Some((user, password)) = user {
        socks = socks.with_auth(user.to_owned(), password.to_owned());
    }
    Ok(socks.call(uri(&target)?).await?.into_inner())
}

/// Gives hyper-util's SOCKS a connection that is open already.
struct Connected(Option<TokioIo<Socket>>);

impl Service<Uri> for Connected {
    type Response = TokioIo<Socket>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(Ok(self.0.take().expect("called once")))
    }
}
