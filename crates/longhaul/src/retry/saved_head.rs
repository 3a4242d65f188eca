//! The head of a request, kept for another attempt.

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, request::Parts,
};

use crate::workload::Workload;

/// A request's head as it came, but for what is the attempt's own.
///
/// Most operations never send it again, so that keeping it is cheap, and making a head of it need not be: the
/// headers are one allocation, and so are extensions only where there are others than the workload.
#[derive(Debug)]
pub(super) struct SavedHead {
    method: Method,
    uri: Uri,
    version: Version,
    headers: SavedHeaders,
    workload: Option<Workload>,
    /// Empty where the workload was the only one.
    extensions: Extensions,
}

impl SavedHead {
    pub(super) fn of(head: &Parts) -> Self {
        let workload: Option<&Workload> = head.extensions.get();
        let others = head.extensions.len() > usize::from(workload.is_some());
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            headers: SavedHeaders::of(&head.headers),
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
        head.method = self.method.clone();
        head.uri = self.uri.clone();
        head.version = self.version;
        head.headers = self.headers.restore();
        head.extensions = self.extensions.clone();
        if let Some(workload) = &self.workload {
            head.extensions.insert(workload.clone());
        }
        head
    }
}

/// Names and values, one after the other: a flag for what is sensitive, both lengths, both texts.
struct SavedHeaders(Box<[u8]>);

/// The flag and the lengths, of two and of four bytes.
const PREFIX: usize = 7;

impl SavedHeaders {
    fn of(headers: &HeaderMap) -> Self {
        let length =
            |(name, value): (&HeaderName, &HeaderValue)| PREFIX + name.as_str().len() + value.len();
        let mut text = Vec::with_capacity(headers.iter().map(length).sum());
        for (name, value) in headers {
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

    fn restore(&self) -> HeaderMap {
        const WHOLE: &str = "it was written whole";
        let mut headers = HeaderMap::new();
        let mut text = &*self.0;
        while let Some((&[sensitive, n0, n1, v0, v1, v2, v3], rest)) =
            text.split_first_chunk::<PREFIX>()
        {
            let (name, rest) = rest.split_at(usize::from(u16::from_ne_bytes([n0, n1])));
            let (value, rest) = rest.split_at(u32::from_ne_bytes([v0, v1, v2, v3]) as usize);
            let name = HeaderName::from_bytes(name).expect(WHOLE);
            let mut value = HeaderValue::from_bytes(value).expect(WHOLE);
            value.set_sensitive(sensitive != 0);
            headers.append(name, value);
            text = rest;
        }
        headers
    }
}

impl std::fmt::Debug for SavedHeaders {
    // The length only: there are keys among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SavedHeaders").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Resolution;

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
    fn debug_shows_no_key() {
        let shown = format!("{:?}", SavedHeaders::of(&head().headers));
        assert!(!shown.contains("k3y") && shown.contains("SavedHeaders"));
    }
}
