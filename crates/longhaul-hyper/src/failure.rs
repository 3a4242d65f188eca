//! What an error means, by proof of what was written.
//!
//! hyper's errors are named after what the connection did, not after what the server has: “connection closed” may mean that
//! nothing was sent, or all of it. So the counts of [`proof`](crate::proof) decide, and the name only where they say nothing.

use std::{error::Error as StdError, io};

use longhaul::{
    Attempt, Error, ErrorKind,
    attempt::Transport,
    error::{Clock, ConnectStage},
};

use crate::{connector::ConnectError, proof::Exchange, request::Unsendable};

/// Every error knows its attempt, where there is one.
///
/// An answer that is no HTTP is also noted on the attempt's handle, since an answer that could not be read is still
/// proof that the server got the request.
pub(crate) fn of_attempt(error: Error, attempt: Option<&Attempt>) -> Error {
    let Some(attempt) = attempt else {
        return error;
    };
    if let ErrorKind::MalformedResponse { .. } = error.kind() {
        attempt.malformed_response();
    }
    error.with_attempt(attempt)
}

/// A request that cannot be sent fails as a connect does: free, and before anything was opened.
pub(crate) fn of_request(error: Unsendable) -> Error {
    let stage = ConnectStage::Unknown;
    Error::new(ErrorKind::Connect { stage }).with_source(error)
}

/// No connection: the clock, the proxy, or the stage. All three are free.
pub(crate) fn of_connect(error: ConnectError) -> Error {
    let kind = match (error.timed_out(), error.proxy()) {
        (Some((limit, elapsed)), _) => ErrorKind::Timeout {
            clock: Clock::Connect,
            limit,
            elapsed,
            resolution: None,
        },
        (None, Some(proxy)) => ErrorKind::Proxy {
            proxy: proxy.into(),
            status: error.proxy_status(),
        },
        (None, None) => ErrorKind::Connect {
            stage: error.stage(),
        },
    };
    Error::new(kind).with_source(error)
}

/// The connection failed before the head of an answer.
///
/// Checked in this order: an answer came that is no HTTP; bytes left, so that the server may work on them; the request itself
/// could not be read; else the connection closed before a byte left, and nothing was sent.
///
/// | what is known | kind | sent |
/// |---|---|---|
/// | hyper could not parse what came | `MalformedResponse` | the server has answered |
/// | at least one byte was written | `Disconnected` | a part, or possibly all: the counts say which |
/// | the body failed before any byte | `RequestBody` | nothing |
/// | none of these | `NotStarted` | nothing: the usual end of a stale connection |
pub(crate) fn of_exchange(error: hyper::Error, exchange: &Exchange) -> Error {
    let kind = if error.is_parse() {
        malformed(&error)
    } else if exchange.written().written > 0 {
        ErrorKind::Disconnected
    } else if error.is_user() {
        ErrorKind::RequestBody
    } else {
        ErrorKind::NotStarted
    };
    Error::new(kind).with_source(error)
}

/// The connection failed in the middle of an answer.
///
/// Chunks with wrong lengths are the server's fault and told apart from a cut, which a retry may mend.
pub(crate) fn of_body(error: hyper::Error) -> Error {
    let kind = match framing(&error) {
        Some(framing) => malformed(framing),
        None => ErrorKind::Disconnected,
    };
    Error::new(kind).with_source(error)
}

/// The kind for what hyper could not read, in hyper's own words.
fn malformed(error: &dyn StdError) -> ErrorKind {
    let reason = error.to_string().into();
    ErrorKind::MalformedResponse { reason }
}

/// What hyper says of chunks that are none. TLS says of its records likewise that they are bad data.
fn framing(error: &hyper::Error) -> Option<&io::Error> {
    let error: &io::Error = error.source()?.downcast_ref()?;
    let of_hyper = error
        .get_ref()
        .is_none_or(|inner| !inner.is::<rustls::Error>());
    let kinds = [io::ErrorKind::InvalidInput, io::ErrorKind::InvalidData];
    (kinds.contains(&error.kind()) && of_hyper).then_some(error)
}
