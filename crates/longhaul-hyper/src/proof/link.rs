use std::sync::Arc;

use http::Extensions;
use hyper_util::client::legacy::connect::CaptureConnection;
use longhaul::{
    Attempt,
    attempt::{Transport, Written},
};

use super::{exchange::Exchange, tap::Tap};

/// What a call knows of its connection.
pub(crate) enum Link {
    /// No connection has the request yet.
    Connecting(CaptureConnection),
    /// This one has it, and counts.
    Proved(Held),
    /// One has it that does not count: HTTP/2.
    Unproved,
    /// The call has ended, and owes its connection nothing.
    Ended,
}

/// What is proved of a call that failed.
#[derive(Debug)]
pub(crate) enum Proof {
    /// No connection ever had the request.
    NoConnection,
    /// Its connection wrote this for it, and will not write more.
    Written(Written),
    /// Nothing.
    Unknown,
}

impl Link {
    /// Looks whether the request has got a connection, and links it to the attempt.
    pub(crate) fn follow(&mut self, attempt: Option<&Attempt>) {
        let Self::Connecting(captured) = self else {
            return;
        };
        let tap = match &*captured.connection_metadata() {
            None => return,
            Some(connected) => Tap::at_hand_over(connected),
        };
        let Some((meter, base)) = tap else {
            if let Some(attempt) = attempt {
                attempt.unproved();
            }
            *self = Self::Unproved;
            return;
        };
        let exchange = Arc::new(Exchange::new(meter, base));
        if let Some(attempt) = attempt {
            attempt.link(exchange.clone());
        }
        *self = Self::Proved(Held {
            exchange,
            captured: captured.clone(),
            answered: false,
        });
    }

    /// The head is here: the request's count ends, and the connection may go on to the next.
    pub(crate) fn head_received(&mut self, extensions: &mut Extensions) {
        let reading = Tap::at_head(extensions);
        if let Self::Proved(held) = self {
            held.exchange.end(reading);
            held.answered = true;
        }
        *self = Self::Ended;
    }

    /// The call has failed: stops the connection, and tells what is proved for good.
    pub(crate) fn seal(&mut self) -> Proof {
        match std::mem::replace(self, Self::Ended) {
            Self::Connecting(_) => Proof::NoConnection,
            Self::Proved(held) => {
                held.seal();
                Proof::Written(held.exchange.written())
            }
            Self::Unproved | Self::Ended => Proof::Unknown,
        }
    }
}

/// The connection of a call without an answer; dropped before there is one, it is stopped.
///
/// Otherwise the connection's task might write the request, or the rest of it, after the call was
/// given up and its attempt booked as never sent.
pub(crate) struct Held {
    exchange: Arc<Exchange>,
    captured: CaptureConnection,
    answered: bool,
}

impl Held {
    #[cfg(test)]
    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    fn seal(&self) {
        // Poisoned first: the pool must not hand out a connection that refuses to write.
        if let Some(connected) = &*self.captured.connection_metadata() {
            connected.poison();
        }
        self.exchange.seal();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.answered {
            self.seal();
        }
    }
}
