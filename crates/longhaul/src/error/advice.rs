//! One sentence for a person, in the imperative, with what it costs where that matters.

use super::{Clock, Error, ErrorKind, Insecure};

pub(crate) const MALFORMED: &str = "look at what answers there, and raise the client's limits on heads if it is only large; the call \
     may have been charged";

/// What a person should do about `error`: by its kind where that says enough, else by its class.
pub(crate) fn of(error: &Error) -> &'static str {
    by_kind(error.kind()).unwrap_or_else(|| error.class().advice())
}

const fn by_kind(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Timeout { clock, .. } => match clock {
            Clock::Connect | Clock::Start => {
                "check the network and the host; sending again is free"
            }
            Clock::Operation => "give the operation a later deadline, or fewer attempts",
            Clock::Picture | Clock::Attempt => {
                "the call may still be running and charged: raise the limit rather than send \
                 again, and look it up in the provider's log"
            }
            Clock::Silence => {
                "the picture was made: claim it, or ask for a link instead of the bytes"
            }
            Clock::WriteProgress => "check the uplink; the provider cannot have read the request",
        },
        ErrorKind::QueueTimeout { .. } => "allow more calls in flight, or send fewer at once",
        ErrorKind::NotBegun { cut: Some(_), .. } => {
            "ask another route or provider, or mend this one: nothing was sent, nothing was charged"
        }
        ErrorKind::NotBegun { .. } => {
            "give the operation a later deadline: nothing was sent, nothing was charged"
        }
        ErrorKind::Insecure(Insecure::Key) => {
            "use https, or declare the network with `HttpScope` if it is private"
        }
        ErrorKind::Insecure(Insecure::Sensitive) => "use https",
        ErrorKind::Ledger => "repair the ledger; no call is paid for that it cannot account for",
        ErrorKind::SpendingCap { price: None, .. } => {
            "give the call a price row, of 0 if it is free"
        }
        ErrorKind::SpendingCap { .. } => "raise the cap, once you know what was spent and why",
        ErrorKind::Duplicate { waste: None } => "give the call a price row, of 0 if it is free",
        ErrorKind::Duplicate { .. } => {
            "allow more money for duplicates, once you know what they have brought"
        }
        ErrorKind::RequestBody => "check what produces the request body",
        ErrorKind::Proxy { .. } => {
            "check the proxy, its user and password, and whether it allows CONNECT to this host and port; nothing is charged"
        }
        ErrorKind::MalformedResponse { .. } => MALFORMED,
        ErrorKind::Connect { .. } | ErrorKind::NotStarted => "sending again is free",
        _ => return None,
    })
}
