//! The head of a request, kept for another attempt.

use std::array;

use http::{
    Extensions, HeaderName, HeaderValue, Method, Request, Uri, Version,
    request::Parts,
    uri::{self, Authority, PathAndQuery},
};

use crate::model::Workload;

/// A request's head as it came, but for what is the attempt's own.
///
/// Most operations never send it again, so that keeping it is cheap and takes little room, and making a head of it need
/// not be cheap: its text is one allocation, and so are extensions only where there are others than the workload.
///
/// A clone of [`Parts`] would do the same in a few lines. Measured with the workload as the only extension, it takes 604
/// bytes in 7 allocations for one header and 1,700 in 21 for eight; this takes 157 and 451, in one. A call in flight may
/// hold 2,050 bytes beyond its client's in all (`tests/allocation.rs`).
#[derive(Debug)]
pub(super) struct SavedHead {
    version: Version,
    text: PackedHead,
    workload: Option<Workload>,
    /// Empty where the workload was the only one.
    extensions: Extensions,
}

impl SavedHead {
    pub(super) fn of(head: &Parts) -> Self {
        let workload: Option<&Workload> = head.extensions.get();
        let others = head.extensions.len() > usize::from(workload.is_some());
        Self {
            version: head.version,
            text: PackedHead::of(head),
            workload: workload.cloned(),
            extensions: if others {
                head.extensions.clone()
            } else {
                Extensions::new()
            },
        }
    }

    /// The head once more.
    pub(super) fn restore(&self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        self.text.restore(&mut head);
        head.version = self.version;
        head.extensions = self.extensions.clone();
        if let Some(workload) = &self.workload {
            head.extensions.insert(workload.clone());
        }
        head
    }
}

/// Method, the three parts of the URI, and headers, one after the other.
struct PackedHead(Box<[u8]>);

/// What stands before a name and a value: a flag for what is sensitive, both lengths.
const PREFIX: usize = 7;

/// So many pieces stand before the headers, each behind its length: an empty one is none.
const PIECES: usize = 4;

impl PackedHead {
    fn of(head: &Parts) -> Self {
        let uri = &head.uri;
        let pieces: [&str; PIECES] = [
            head.method.as_str(),
            uri.scheme_str().unwrap_or_default(),
            uri.authority().map_or("", Authority::as_str),
            uri.path_and_query().map_or("", PathAndQuery::as_str),
        ];
        let of_pieces: usize = pieces.iter().map(|piece| 4 + piece.len()).sum();
        let of_header =
            |(name, value): (&HeaderName, &HeaderValue)| PREFIX + name.as_str().len() + value.len();
        let of_headers: usize = head.headers.iter().map(of_header).sum();
        let mut text = Vec::with_capacity(of_pieces + of_headers);
        for piece in pieces {
            text.extend_from_slice(&(piece.len() as u32).to_ne_bytes());
            text.extend_from_slice(piece.as_bytes());
        }
        for (name, value) in &head.headers {
            let name = name.as_str().as_bytes();
            // The `http` crate bounds names by 64 KiB.
            let [n0, n1] = (name.len() as u16).to_ne_bytes();
            let [v0, v1, v2, v3] = (value.len() as u32).to_ne_bytes();
            text.extend_from_slice(&[value.is_sensitive().into(), n0, n1, v0, v1, v2, v3]);
            text.extend_from_slice(name);
            text.extend_from_slice(value.as_bytes());
        }
        Self(text.into_boxed_slice())
    }

    fn restore(&self, head: &mut Parts) {
        const WHOLE: &str = "it was written whole";
        let mut text = &*self.0;
        let [method, scheme, authority, path] = array::from_fn::<_, PIECES, _>(|_| {
            let (length, rest) = text.split_first_chunk().expect(WHOLE);
            let (piece, rest) = rest.split_at(u32::from_ne_bytes(*length) as usize);
            text = rest;
            piece
        });
        head.method = Method::from_bytes(method).expect(WHOLE);
        let mut uri = uri::Parts::default();
        let is_there = |piece: &&[u8]| !piece.is_empty();
        let some = |piece| Some(piece).filter(is_there);
        uri.scheme = some(scheme).map(|it| it.try_into().expect(WHOLE));
        uri.authority = some(authority).map(|it| it.try_into().expect(WHOLE));
        uri.path_and_query = some(path).map(|it| it.try_into().expect(WHOLE));
        head.uri = Uri::from_parts(uri).expect(WHOLE);
        while let Some((&[sensitive, n0, n1, v0, v1, v2, v3], rest)) =
            text.split_first_chunk::<PREFIX>()
        {
            let (name, rest) = rest.split_at(usize::from(u16::from_ne_bytes([n0, n1])));
            let (value, rest) = rest.split_at(u32::from_ne_bytes([v0, v1, v2, v3]) as usize);
            let name = HeaderName::from_bytes(name).expect(WHOLE);
            let mut value = HeaderValue::from_bytes(value).expect(WHOLE);
            value.set_sensitive(sensitive != 0);
            head.headers.append(name, value);
            text = rest;
        }
    }
}

impl std::fmt::Debug for PackedHead {
    // The length only: there are keys among it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PackedHead").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Resolution;

    fn head() -> Parts {
        let mut secret = HeaderValue::from_static("Bearer k3y");
        secret.set_sensitive(true);
        let request = Request::post("https://u@a.example:8443/v1/x?y=z")
            .version(Version::HTTP_2)
            .header("authorization", secret)
            .header("x-own", "one")
            .header("x-own", "two")
            .header("x-empty", "")
            .header("x-bytes", HeaderValue::from_bytes(b"\xfc\xff").unwrap())
            .extension(Workload::of(Resolution::K4));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_head_comes_back_as_it_was() {
        let mut head = head();
        for others in [false, true] {
            if others {
                head.extensions.insert("the caller's own");
            }
            let saved = SavedHead::of(&head);
            let again = saved.restore();
            assert_eq!(again.method, head.method);
            assert_eq!(again.uri, head.uri);
            assert_eq!(again.version, head.version);
            assert_eq!(again.headers, head.headers);
            let sensitive = |head: &Parts| head.headers["authorization"].is_sensitive();
            assert!(sensitive(&again) && sensitive(&head));
            assert_eq!(again.extensions.len(), head.extensions.len());
            assert_eq!(
                again.extensions.get::<Workload>(),
                head.extensions.get::<Workload>()
            );
            assert_eq!(
                again.extensions.get::<&str>(),
                head.extensions.get::<&str>()
            );
        }
    }

    #[test]
    fn so_does_a_uri_of_every_form() {
        for uri in [
            "http://a.example",
            "/only/a/path?q",
            "a.example:443",
            "*",
            "https://[::1]/",
        ] {
            let mut head = head();
            head.uri = uri.parse().unwrap();
            assert_eq!(SavedHead::of(&head).restore().uri, head.uri);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = format!("{:?}", SavedHead::of(&head()));
        assert!(!shown.contains("k3y") && shown.contains("PackedHead("));
    }
}
