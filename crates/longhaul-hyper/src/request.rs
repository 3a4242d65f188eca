//! What a request must be before hyper's connection takes it.
//!
//! hyper's connection writes a request as it is given, so this is where a URL becomes a first line and headers.
//! hyper-util's client does the same; what differs is that a request that cannot go out is refused with a word that
//! says what to change. The tests go through each form.

use std::{error::Error as StdError, fmt};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderValue, Method, Request, Uri, Version,
    header::{AUTHORIZATION, HOST},
    uri::{Authority, PathAndQuery, Scheme},
};
use percent_encoding::percent_decode_str;

/// Where a request goes: what two requests have in common that may share a connection.
///
/// Kept as the request has it: `api.example.com` and `api.example.com:443` are two, and cost one more connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// For the connector, which needs scheme and authority alone.
    pub(crate) fn uri(&self) -> Uri {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query("/")
            .build()
            .expect("the parts of a URI")
    }

    /// As the `Host` header has it: without the scheme's own port.
    fn host(&self) -> HeaderValue {
        let own_port = match &self.scheme {
            scheme if *scheme == Scheme::HTTPS => 443,
            _ => 80,
        };
        let text = match self.authority.port_u16() {
            Some(port) if port == own_port => self.authority.host(),
            _ => self.authority.as_str(),
        };
        HeaderValue::from_str(text).expect("an authority has no control characters")
    }
}

/// Puts the request into the form that goes over a connection of its own: HTTP/1.1, the path alone in the
/// first line, a `Host`, and a user in its address as `Authorization`.
///
/// Headers that the caller has set stay: a `Host` for a test behind another address, an `Authorization` before the
/// URL's user. HTTP/1.0 is kept where it was asked for; any other version is written as 1.1.
pub(crate) fn prepare<B>(request: &mut Request<B>) -> Result<Origin, Unsendable> {
    if *request.method() == Method::CONNECT {
        return Err(Unsendable(
            "CONNECT asks for a tunnel, and this client opens none: give it the proxy as `Builder::proxies`",
        ));
    }
    let (origin, user) = origin(request.uri())?;
    if let Some(user) = user
        && !request.headers().contains_key(AUTHORIZATION)
    {
        request.headers_mut().insert(AUTHORIZATION, user);
    }
    if !request.headers().contains_key(HOST) {
        request.headers_mut().insert(HOST, origin.host());
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path
        .unwrap_or_else(|| PathAndQuery::from_static("/"))
        .into();
    // hyper writes no other version than these two.
    if request.version() != Version::HTTP_10 {
        *request.version_mut() = Version::HTTP_11;
    }
    Ok(origin)
}

/// Where it goes, and the user in the address as a header. The address itself is kept without the user, so that neither
/// errors nor the pool hold it.
fn origin(uri: &Uri) -> Result<(Origin, Option<HeaderValue>), Unsendable> {
    let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(Unsendable(
            "the request's address names no host: it must begin with http:// or https://",
        ));
    };
    if ![Scheme::HTTP, Scheme::HTTPS].contains(scheme) {
        return Err(Unsendable("neither an http nor an https address"));
    }
    let (user, authority) = match authority.as_str().rsplit_once('@') {
        None => (None, authority.clone()),
        Some((user, host)) => {
            let host = host.parse();
            let host = host.map_err(|_| Unsendable("the request's address names no host"))?;
            (Some(basic(user)), host)
        }
    };
    if authority.host().is_empty() {
        return Err(Unsendable("the request's address names no host"));
    }
    let origin = Origin {
        scheme: scheme.clone(),
        authority,
    };
    Ok((origin, user))
}

/// `user:password` of a URL as HTTP's basic authentication (RFC 7617).
fn basic(user: &str) -> HeaderValue {
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let text = format!("Basic {}", BASE64_STANDARD.encode(plain));
    let mut value = HeaderValue::from_str(&text).expect("base64 is plain ASCII");
    value.set_sensitive(true);
    value
}

/// A request that no connection can carry.
///
/// Nothing was sent, and sending it again cannot help: the message says what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsendable(&'static str);

impl fmt::Display for Unsendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Unsendable {}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(uri: &str) -> (Result<Origin, Unsendable>, Request<()>) {
        let mut request = Request::post(uri).body(()).expect("a valid request");
        (prepare(&mut request), request)
    }

    #[test]
    fn a_request_goes_out_in_origin_form_with_its_host() {
        let rows = [
            ("http://a.example/v1?x=1", "/v1?x=1", "a.example"),
            ("http://a.example", "/", "a.example"),
            ("http://a.example:80/", "/", "a.example"),
            ("https://a.example:443/", "/", "a.example"),
            ("https://a.example:80/", "/", "a.example:80"),
            ("https://[::1]:8443/", "/", "[::1]:8443"),
            ("http://u:p@a.example:8080/", "/", "a.example:8080"),
        ];
        for (uri, path, host) in rows {
            let (origin, request) = prepared(uri);
            origin.expect("sendable");
            assert_eq!(request.uri(), path);
            assert_eq!(request.headers()[HOST], host, "{uri}");
        }
    }

    #[test]
    fn a_user_in_the_address_becomes_authorization() {
        let (origin, request) = prepared("https://Aladdin:open%20sesame@a.example/");

        let value = &request.headers()[AUTHORIZATION];
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
        let origin = origin.expect("sendable");
        assert!(!origin.uri().to_string().contains("Aladdin"));
        assert!(!format!("{origin:?} {request:?}").contains("sesame"));
    }

    #[test]
    fn an_authorization_of_ones_own_stays() {
        let mut request = Request::post("https://u:p@a.example/")
            .header(AUTHORIZATION, "Bearer mine")
            .body(())
            .expect("a valid request");
        prepare(&mut request).expect("sendable");
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer mine");
    }

    #[test]
    fn what_no_connection_can_carry_is_refused() {
        for uri in ["/only/a/path", "ftp://a.example/", "http://u@:80/"] {
            if let Ok(mut request) = Request::post(uri).body(()) {
                prepare(&mut request).expect_err(uri);
            }
        }
        let mut connect = Request::connect("a.example:443")
            .body(())
            .expect("a valid request");
        prepare(&mut connect).expect_err("a tunnel");
    }

    #[test]
    fn every_version_becomes_one_that_hyper_writes() {
        for version in [Version::HTTP_09, Version::HTTP_2, Version::HTTP_3] {
            let (_, mut request) = prepared("http://a.example/");
            *request.version_mut() = version;
            *request.uri_mut() = Uri::from_static("http://a.example/");
            prepare(&mut request).expect("sendable");
            assert_eq!(request.version(), Version::HTTP_11);
        }
    }
}
