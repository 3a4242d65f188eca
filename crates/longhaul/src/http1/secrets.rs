use crate::config::hosts::bare;
use std::net::IpAddr;

use http::{
    Request,
    uri::{Scheme, Uri},
};

use super::policy::{Http1Policy, HttpScope};
use crate::error::Insecure;

/// Marks a request, as an extension, whose content must not be read on the way: it leaves over `https` or
/// not at all, on every network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sensitive;

/// Whether `request` shows a key to a public network; what must not leave at all is refused.
pub(super) fn key_in_clear<B>(
    policy: &Http1Policy,
    request: &Request<B>,
) -> Result<bool, Insecure> {
    let uri = request.uri();
    if uri.scheme() == Some(&Scheme::HTTPS) {
        return Ok(false);
    }
    // Without a scheme it may still become plain http further down, so it must not be risked.
    if request.extensions().get::<Sensitive>().is_some() {
        return Err(Insecure::Sensitive);
    }
    let public = match policy.scope {
        HttpScope::Private | HttpScope::Vpn => false,
        HttpScope::PublicDevelopment | HttpScope::PublicProduction => {
            uri.scheme() == Some(&Scheme::HTTP) && !is_this_machine(uri)
        }
    };
    if !public || !carries_key(policy, request) {
        return Ok(false);
    }
    match policy.scope {
        HttpScope::PublicProduction => Err(Insecure::Key),
        _ => Ok(true),
    }
}

fn is_this_machine(uri: &Uri) -> bool {
    let host = bare(uri.host().unwrap_or_default());
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

fn carries_key<B>(policy: &Http1Policy, request: &Request<B>) -> bool {
    let headers = request.headers();
    policy
        .key_headers
        .iter()
        .any(|name| headers.contains_key(name))
        || headers.values().any(http::HeaderValue::is_sensitive)
        || has_key_parameter(policy, request.uri())
        || has_user(request.uri())
}

fn has_key_parameter(policy: &Http1Policy, uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    parameters.any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        policy
            .key_parameters
            .iter()
            .any(|key| key.eq_ignore_ascii_case(name))
    })
}

/// Some clients make an `Authorization` header of it.
fn has_user(uri: &Uri) -> bool {
    uri.authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
}
