//! Headers that belong to another protocol than HTTP/1.1. A proxy that forwards an `Upgrade` of its caller would otherwise
//! leave this connection in a protocol that nobody here reads.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, UPGRADE},
};

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const ALT_USED: HeaderName = HeaderName::from_static("alt-used");

/// Takes away what asks for, or speaks of, another protocol than HTTP/1.1.
///
/// `Upgrade` and `HTTP2-Settings` belong to this connection and are named in `Connection` (RFC 9110
/// section 7.8, RFC 7540 section 3.2.1); `Alt-Used` names an alternative service that is not used
/// (RFC 7838). The rest of `Connection`, and `TE` and `Keep-Alive` with it, are good HTTP/1.1.
pub(super) fn strip(headers: &mut HeaderMap) {
    static ALL: [HeaderName; 4] = [UPGRADE, HTTP2_SETTINGS, ALT_USED, CONNECTION];
    // Nearly no request has any of them, and few headers are sooner looked at than four are looked up.
    if !headers.keys().any(|name| ALL.contains(name)) {
        return;
    }
    headers.remove(UPGRADE);
    headers.remove(HTTP2_SETTINGS);
    headers.remove(ALT_USED);
    if headers.get_all(CONNECTION).iter().any(names_upgrade) {
        let kept: Vec<_> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(without_upgrade)
            .collect();
        headers.remove(CONNECTION);
        for value in kept {
            headers.append(CONNECTION, value);
        }
    }
}

fn names_upgrade(value: &HeaderValue) -> bool {
    tokens(value).any(is_upgrade)
}

/// The other tokens; `None` where there are none.
fn without_upgrade(value: &HeaderValue) -> Option<HeaderValue> {
    let kept: Vec<_> = tokens(value)
        .filter(|token| !token.is_empty() && !is_upgrade(token))
        .collect();
    if kept.is_empty() {
        return None;
    }
    let kept = HeaderValue::from_bytes(&kept.join(&b", "[..]));
    Some(kept.expect("parts of a header value are one"))
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
}

fn is_upgrade(token: &[u8]) -> bool {
    [UPGRADE, HTTP2_SETTINGS]
        .iter()
        .any(|name| token.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_upgrade_goes() {
        let rows: [(&[&str], &[&str]); 6] = [
            (&["Upgrade, HTTP2-Settings"], &[]),
            (&["keep-alive, UPGRADE ,TE"], &["keep-alive, TE"]),
            (&["upgrade", "close"], &["close"]),
            (&["close, x-upgrade"], &["close, x-upgrade"]),
            (&["close,, x"], &["close,, x"]),
            (&[], &[]),
        ];
        for (before, after) in rows {
            let mut headers = HeaderMap::new();
            for name in ["upgrade", "http2-settings", "alt-used", "te", "keep-alive"] {
                headers.insert(name, HeaderValue::from_static("x"));
            }
            for value in before {
                headers.append(CONNECTION, HeaderValue::from_static(value));
            }

            strip(&mut headers);

            assert_eq!(
                headers.get_all(CONNECTION).iter().collect::<Vec<_>>(),
                after,
            );
            headers.remove(CONNECTION);
            let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, ["keep-alive", "te"]);
        }
    }
}
