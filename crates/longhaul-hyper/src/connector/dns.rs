//! Names, by the operating system's resolver.
//!
//! There is no cache: a call lasts minutes, a look-up milliseconds, and a stale address would be the start of a wasted
//! wait.

use std::{net::SocketAddr, vec};

use longhaul::BoxError;
use tokio::net::lookup_host;

use super::address::Address;

/// The IP addresses of a host, asked anew for every connection.
///
/// Apart from the TCP connect, so that an error says which of the two it was.
pub(super) async fn resolve(address: &Address) -> Result<vec::IntoIter<SocketAddr>, BoxError> {
    let found = lookup_host((address.host(), address.port())).await?;
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        return Err("the name has no address".into());
    }
    Ok(found.into_iter())
}
