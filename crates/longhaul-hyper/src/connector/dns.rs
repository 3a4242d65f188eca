use std::{net::SocketAddr, vec};

use http::{Uri, uri::Scheme};
use longhaul::BoxError;
use tokio::net::lookup_host;

use super::host;

/// The addresses of `uri`, asked anew for every connection.
///
/// Apart from the TCP connect, so that an error says which of the two it was.
pub(super) async fn resolve(uri: &Uri) -> Result<vec::IntoIter<SocketAddr>, BoxError> {
    let default_port = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => 443,
        _ => 80,
    };
    let port = uri.port_u16().unwrap_or(default_port);
    let addresses: Vec<_> = lookup_host((host(uri), port)).await?.collect();
    if addresses.is_empty() {
        return Err("the name has no address".into());
    }
    Ok(addresses.into_iter())
}
