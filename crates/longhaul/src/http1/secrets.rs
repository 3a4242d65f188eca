//! Keys are looked for by the names of headers and parameters, in the user of a URL, and by the mark that a caller puts on a
//! value. What was found is named in the error, never shown.

use std::net::IpAddr;

use http::{
    Request,
    uri::{Scheme, Uri},
};
use percent_encoding::percent_decode_str;

use super::policy::{Http1Policy, HttpScope};
use crate::{
    attempt::Attempt,
    config::{hosts::bare, key_names::looks_like_key},
    error::{Error, ErrorKind, Insecure},
};

/// Marks a request, as an extension, whose content must not be read on the way: it leaves over `https` or
/// not at all, on every network.
///
/// ```
/// use longhaul::http1::Sensitive;
///
/// let request = http::Request::post("https://api.example.com/v1/images/edits")
///     .extension(Sensitive)
///     .body("a face");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sensitive;

/// Whether `request` shows a key to a public network; what must not leave at all is refused.
pub(super) fn key_in_clear<B>(policy: &Http1Policy, request: &Request<B>) -> Result<bool, Error> {
    let uri = request.uri();
    if uri.scheme() == Some(&Scheme::HTTPS) {
        return Ok(false);
    }
    // Without a scheme it may still become plain http further down, so it must not be risked.
    if request.extensions().get::<Sensitive>().is_some() {
        return Err(Error::new(ErrorKind::Insecure(Insecure::Sensitive)));
    }
    let public = match policy.scope {
        HttpScope::Private | HttpScope::Vpn => false,
        HttpScope::PublicDevelopment | HttpScope::PublicProduction => {
            uri.scheme() == Some(&Scheme::HTTP) && !is_this_machine(uri)
        }
    };
    if !public {
        return Ok(false);
    }
    match key_of(policy, request) {
        None => Ok(false),
        Some(key) if policy.scope == HttpScope::PublicProduction => {
            let error = Error::new(ErrorKind::Insecure(Insecure::Key));
            Err(error.with_source(format!("{key} looks like a key")))
        }
        Some(_) => Ok(true),
    }
}

fn is_this_machine(uri: &Uri) -> bool {
    let host = bare(uri.host().unwrap_or_default());
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The header or parameter that carries a key, as a person would look for it.
fn key_of<B>(policy: &Http1Policy, request: &Request<B>) -> Option<String> {
    let idempotency_key = request.extensions().get::<Attempt>();
    let idempotency_key = idempotency_key.and_then(Attempt::idempotency_key);
    let in_headers = request.headers().iter().find(|(name, value)| {
        let named = |known: &String| known.eq_ignore_ascii_case(name.as_str());
        // Whatever its header is called, an idempotency key opens nothing.
        idempotency_key != Some(*value)
            && (value.is_sensitive()
                || looks_like_key(name.as_str())
                || policy.key_headers.iter().any(named))
    });
    if let Some((name, _)) = in_headers {
        return Some(format!("the header {name}"));
    }
    if has_user(request.uri()) {
        return Some("the user in its address".to_owned());
    }
    key_parameter(policy, request.uri()).map(|name| format!("the parameter {name}"))
}

fn key_parameter(policy: &Http1Policy, uri: &Uri) -> Option<String> {
    let parameters = uri.query().unwrap_or_default().split(['&', ';']);
    let mut names = parameters.map(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        percent_decode_str(name).decode_utf8_lossy()
    });
    let found = names.find(|name| {
        let named = |known: &String| known.eq_ignore_ascii_case(name);
        looks_like_key(name) || policy.key_parameters.iter().any(named)
    });
    found.map(|name| name.escape_debug().to_string())
}

/// Some clients make an `Authorization` header of it.
fn has_user(uri: &Uri) -> bool {
    uri.authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
}
