//! What an error of hyper's or hyper-util's means, by proof of what was written.

use std::error::Error as StdError;

use hyper_util::client::legacy;
use longhaul::{
    Error, ErrorKind,
    error::{Clock, ConnectStage},
};

use crate::{connector::ConnectError, proof::Proof};

/// Our error for `source`, which stays in it with its whole chain.
pub(crate) fn failure(source: legacy::Error, proof: Proof) -> Error {
    Error::new(kind(&source, &proof)).with_source(source)
}

fn kind(error: &legacy::Error, proof: &Proof) -> ErrorKind {
    if error.is_connect() {
        return connect_kind(find(error));
    }
    // Without an error of hyper's below, hyper-util has refused the request itself: its address, its
    // version. Nothing went wrong on the wire, and nothing will go better next time.
    let Some(cause) = find::<hyper::Error>(error) else {
        return ErrorKind::Inner;
    };
    if is_refused(error) {
        return ErrorKind::RefusedByPeer;
    }
    let nothing_sent = match proof {
        Proof::NoConnection => true,
        Proof::Written(written) => written.written == 0,
        // hyper says "canceled" only of a request that it gives back untouched.
        Proof::Unknown => cause.is_canceled(),
    };
    match nothing_sent {
        true if cause.is_user() => ErrorKind::RequestBody,
        true => ErrorKind::NotStarted,
        false => ErrorKind::Disconnected,
    }
}

fn connect_kind(error: Option<&ConnectError>) -> ErrorKind {
    match error {
        Some(error) => match error.timed_out() {
            Some((limit, elapsed)) => ErrorKind::Timeout {
                clock: Clock::Connect,
                limit,
                elapsed,
                resolution: None,
            },
            None => ErrorKind::Connect {
                stage: error.stage(),
            },
        },
        None => ErrorKind::Connect {
            stage: ConnectStage::Unknown,
        },
    }
}

/// Whether an HTTP/2 peer says that it did not work on the request.
///
/// h2 gives a remote `GOAWAY` only to streams beyond the last one that the peer has taken.
fn is_refused(error: &legacy::Error) -> bool {
    find::<h2::Error>(error).is_some_and(|error| {
        error.is_remote()
            && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

/// The first error in the chain below `error` that is a `T`.
fn find<T: StdError + 'static>(error: &legacy::Error) -> Option<&T> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
