//! The way through an outbound proxy: a tunnel, for plain http too, so that no page of the proxy's own
//! can be taken for the provider's answer.
//!
//! Proxies are usually asked for plain http with the whole URL in the first line, and answer in the server's place.
//! Their error pages then come with the status of an answer, and a 503 of the proxy looks like the provider's overload.

mod socks;
mod tunnel;

pub(super) use self::tunnel::Refused;
use hyper_util::client::proxy::matcher::Intercept;
use longhaul::BoxError;

use super::{address::Address, socket::Socket};

/// An outbound proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    found: Intercept,
    pub(super) address: Address,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protocol {
    /// HTTP's `CONNECT`.
    Http,
    /// The same, over TLS to the proxy.
    Https,
    /// SOCKS 5; names are resolved by the proxy (`socks5h`) or here (`socks5`).
    Socks5 { by_proxy: bool },
}

impl Proxy {
    /// Of what the matcher has found; the address is worked out once.
    pub(super) fn new(found: Intercept) -> Self {
        let address = Address::of(found.uri());
        Self { found, address }
    }

    /// Its URL without user and password.
    pub(super) fn name(&self) -> String {
        let scheme = self.found.uri().scheme_str().unwrap_or("http");
        format!("{scheme}://{}", self.address)
    }

    /// By the scheme of its URL; none is HTTP.
    pub(super) fn protocol(&self) -> Protocol {
        match self.found.uri().scheme_str() {
            Some("https") => Protocol::Https,
            Some("socks5") => Protocol::Socks5 { by_proxy: false },
            Some("socks5h") => Protocol::Socks5 { by_proxy: true },
            _ => Protocol::Http,
        }
    }

    /// Opens the way to `target` over a connection to the proxy.
    ///
    /// An error is the proxy's own: what is behind it was not reached.
    pub(super) async fn open(&self, socket: Socket, target: &Address) -> Result<Socket, BoxError> {
        match self.protocol() {
            Protocol::Http | Protocol::Https => {
                tunnel::open(socket, target, self.found.basic_auth()).await
            }
            Protocol::Socks5 { by_proxy } => {
                socks::open(socket, target, by_proxy, self.found.raw_auth()).await
            }
        }
    }
}
