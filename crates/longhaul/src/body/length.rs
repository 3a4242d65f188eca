//! A held answer goes on with its own length. Its reader then knows the end without waiting for the transport's, and a proxy
//! above may keep the connection.

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING},
};

/// Says in `headers` that the body which follows has this length, however long it was announced to be, and no trailers.
pub(crate) fn announce_length(headers: &mut HeaderMap, length: u64) {
    headers.remove(TRANSFER_ENCODING);
    headers.remove(TRAILER);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
}
