//! What an error means, by proof of what was written.

use longhaul::{
    Attempt, Error, ErrorKind,
    attempt::Transport,
    error::{Clock, ConnectStage},
};

use crate::{connector::ConnectError, proof::Exchange, request::Unsendable};

/// Every error knows its attempt, where there is one.
pub(crate) fn of_attempt(error: Error, attempt: Option<&Attempt>) -> Error {
    match attempt {
        Some(attempt) => error.with_attempt(attempt),
        None => error,
    }
}

pub(crate) fn of_request(error: Unsendable) -> Error {
    let stage = ConnectStage::Unknown;
    Error::new(ErrorKind::Connect { stage }).with_source(error)
}

pub(crate) fn of_connect(error: ConnectError) -> Error {
    let kind = match error.timed_out() {
        Some((limit, elapsed)) => ErrorKind::Timeout {
            clock: Clock::Connect,
            limit,
            elapsed,
            resolution: None,
        },
        None => ErrorKind::Connect {
            stage: error.stage(),
        },
    };
    Error::new(kind).with_source(error)
}

/// The connection failed before the head of an answer.
pub(crate) fn of_exchange(error: hyper::Error, exchange: &Exchange) -> Error {
    let kind = if exchange.written().written > 0 {
        ErrorKind::Disconnected
    } else if error.is_user() {
        ErrorKind::RequestBody
    } else {
        ErrorKind::NotStarted
    };
    Error::new(kind).with_source(error)
}

/// The connection failed in the middle of an answer.
pub(crate) fn of_body(error: hyper::Error) -> Error {
    Error::new(ErrorKind::Disconnected).with_source(error)
}
