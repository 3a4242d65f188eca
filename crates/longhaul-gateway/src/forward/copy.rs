//! A head that is kept for minutes is a copy: what hyper reads of one are slices of its connection's read buffer, 8 KiB
//! that would stay alive for as long as the shortest of them.

use http::{HeaderValue, Uri, request::Parts};

/// Copies the URI and the headers' values out of the connection's read buffer.
///
/// Names need no copy: those that are not known by heart are copied where they are parsed.
pub(crate) fn copy_out(head: &mut Parts) {
    for value in head.headers.values_mut() {
        // It was a value, and is one again.
        if let Ok(mut own) = HeaderValue::from_bytes(value.as_bytes()) {
            own.set_sensitive(value.is_sensitive());
            *value = own;
        }
    }
    if let Ok(own) = Uri::try_from(head.uri.to_string()) {
        head.uri = own;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderValue, Request, Uri};

    use super::copy_out;

    #[test]
    fn a_head_that_is_kept_keeps_no_read_buffer() {
        let buffer = Bytes::from(b"/v1/images/generations?a=b Bearer secret".to_vec());
        let uri = Uri::from_maybe_shared(buffer.slice(..26)).unwrap();
        let mut value = HeaderValue::from_maybe_shared(buffer.slice(27..)).unwrap();
        value.set_sensitive(true);
        let request = Request::post(uri).header("authorization", value);
        let mut head = request.body(()).unwrap().into_parts().0;
        assert!(!buffer.is_unique(), "slices of it are kept");

        copy_out(&mut head);
        assert!(buffer.is_unique());
        assert_eq!(head.uri, "/v1/images/generations?a=b");
        assert_eq!(head.headers["authorization"], "Bearer secret");
        assert!(head.headers["authorization"].is_sensitive());
    }
}
