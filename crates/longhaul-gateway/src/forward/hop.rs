//! Headers that are about one connection. A proxy that passes them on lets a caller speak to the connection behind
//! it: that is how requests are smuggled (`no_second_request_hides_in_the_body_of_the_first`).

use http::{HeaderMap, HeaderName, Version, header, response};

/// What is about one connection and not about the call, beside what `Connection` names itself.
///
/// Those of RFC 9110, section 7.6.1, and `Proxy-Connection`, which no standard has and browsers sent.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Removes the headers that belong to one connection: the usual ones, and those that `Connection` names.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::{ACCEPT, CONNECTION}};
/// use longhaul_gateway::forward::strip_hop_by_hop;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONNECTION, HeaderValue::from_static("x-mine"));
/// headers.insert("x-mine", HeaderValue::from_static("1"));
/// headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
/// strip_hop_by_hop(&mut headers);
/// assert_eq!(headers.keys().collect::<Vec<_>>(), [ACCEPT]);
/// ```
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Makes an upstream's head fit for the caller: without what belongs to the upstream's connection, and in the caller's
/// HTTP version. A server that passes on `HTTP/1.0` frames the answer by closing the connection, and half a picture then
/// looks like a whole one.
///
/// ```
/// use http::{Response, Version};
/// use longhaul_gateway::forward::answer;
///
/// let old = Response::builder().version(Version::HTTP_10).header("connection", "close").body(())?;
/// let (mut head, ()) = old.into_parts();
/// answer(&mut head);
/// assert_eq!(head.version, Version::HTTP_11);
/// assert!(head.headers.is_empty());
/// # Ok::<(), http::Error>(())
/// ```
pub fn answer(head: &mut response::Parts) {
    strip_hop_by_hop(&mut head.headers);
    head.version = Version::HTTP_11;
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[test]
    fn what_belongs_to_one_connection_is_removed_and_the_rest_stays() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Only-Here"),
            ("connection", "keep-alive"),
            ("x-only-here", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-authorization", "Basic x"),
            ("content-type", "application/json"),
            ("x-request-id", "7"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "x-request-id"]);
    }

    #[test]
    fn an_answers_http_version_is_the_callers() {
        let (mut head, ()) = Response::builder()
            .version(Version::HTTP_10)
            .header("connection", "close")
            .body(())
            .unwrap()
            .into_parts();
        answer(&mut head);
        assert_eq!(head.version, Version::HTTP_11);
        assert!(head.headers.is_empty());
    }
}
