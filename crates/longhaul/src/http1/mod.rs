//! `ForceHttp1`: HTTP/1.1 for long silent calls, and no key in the clear.
//!
//! On HTTP/2 all calls share one connection: one lost packet, one reset or one `GOAWAY` from a relay hits
//! every picture that is being made, and what stands between does not treat minutes of silence on a stream
//! well. On HTTP/1.1 each call has a connection of its own. This layer sends the requests to the hosts in
//! [`Http1Policy::hosts`] (all, by default) as HTTP/1.1 and takes away what asks for something else:
//! `Upgrade` and `HTTP2-Settings` with their names in `Connection`, and `Alt-Used`. An `Alt-Svc` in an
//! answer is not followed.
//!
//! **A version in a request forces nothing.** A connector that offers `h2` by ALPN and gets it speaks HTTP/2
//! whatever the request says. So the connector has to offer `http/1.1` alone, as the one of `longhaul-hyper`
//! does, and this layer looks at what really came back: [`Http1Report::of`] the
//! response. A mismatch is reported there, and as a warning with the feature `tracing`. It is not an error:
//! the answer is here, and paid for.
//!
//! It also keeps secrets off plain `http://`, for every host, forced or not:
//!
//! | [`HttpScope`] | a key over plain http | a request marked [`Sensitive`] |
//! |---|---|---|
//! | [`Private`](HttpScope::Private), [`Vpn`](HttpScope::Vpn) | sent | refused |
//! | [`PublicDevelopment`](HttpScope::PublicDevelopment) | sent, with a warning | refused |
//! | [`PublicProduction`](HttpScope::PublicProduction), the default | refused | refused |
//!
//! A refusal is an [`Insecure`](crate::ErrorKind::Insecure) error before anything is sent; its source names
//! what looks like a key. A key is a header or a query parameter with `key`, `token`, `secret`, `auth`, `sig`
//! or a form of these among the words of its name, or that the policy names; a header value that is [marked
//! as sensitive](http::HeaderValue::set_sensitive); a user name or password in the URI. This machine
//! (`localhost`, 127.0.0.0/8, `::1`) is no public network, so keys may go there, whatever the scope; what
//! is marked `Sensitive` leaves over `https` and over nothing else, also there. A URI without a scheme may
//! become anything further down: keys pass, `Sensitive` is refused.
//!
//! Plain http saves a handshake, less than 1 % of such a call: never a reason by itself.
//!
//! ```
//! use longhaul::http1::ForceHttp1Layer;
//! use tower_layer::Layer;
//!
//! # fn example<S>(client: S) {
//! let client = ForceHttp1Layer::default().layer(client);
//! # }
//! ```
//!
//! Customised: HTTP/2 stays for everything but one provider, which is reached over a leased line.
//!
//! ```
//! use longhaul::http1::{ForceHttp1Layer, Hosts, Http1Policy, HttpScope};
//!
//! # fn example() -> Result<(), longhaul::ConfigError> {
//! let mut policy = Http1Policy::default();
//! policy.hosts = Hosts::Only(vec!["*.googleapis.com".to_owned()]);
//! policy.scope = HttpScope::Vpn;
//! let layer = ForceHttp1Layer::new(policy)?;
//! # Ok(()) }
//! ```

mod future;
mod headers;
mod layer;
mod policy;
mod report;
mod secrets;
mod service;
#[cfg(test)]
mod tests;

pub use self::{
    future::ResponseFuture,
    layer::ForceHttp1Layer,
    policy::{Http1Policy, HttpScope},
    secrets::Sensitive,
    service::ForceHttp1,
};
pub use crate::{config::Hosts, model::Http1Report};
