use super::{Clock, Error, ErrorKind, Insecure};
use crate::classify::Class;

/// What a person should do about `error`: by its kind where that says enough, else by its class.
pub(crate) fn of(error: &Error) -> &'static str {
    by_kind(error.kind()).unwrap_or_else(|| by_class(error.class()))
}

const fn by_kind(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Timeout { clock, .. } => match clock {
            Clock::Connect | Clock::Start => {
                "check the network and the host; sending again is free"
            }
            Clock::Operation => "give the operation a later deadline, or fewer attempts",
            Clock::Head | Clock::Attempt => {
                "the call may still be running and charged: raise the limit rather than send \
                 again, and look it up in the provider's log"
            }
            Clock::BodyIdle | Clock::Body => {
                "the picture was made: claim it, or ask for a link instead of the bytes"
            }
            Clock::WriteProgress => "check the uplink; the provider cannot have read the request",
        },
        ErrorKind::NoPlace { .. } => "allow more calls in flight, or send fewer at once",
        ErrorKind::Insecure(Insecure::Key) => {
            "use https, or declare the network with `HttpScope` if it is private"
        }
        ErrorKind::Insecure(Insecure::Sensitive) => "use https",
        ErrorKind::Ledger => "repair the ledger; no call is paid for that it cannot account for",
        ErrorKind::RequestBody => "check what produces the request body",
        ErrorKind::Connect { .. } | ErrorKind::NotStarted => "sending again is free",
        _ => return None,
    })
}

pub(crate) const fn by_class(class: Class) -> &'static str {
    match class {
        Class::NeverSent | Class::SentPartial | Class::Refused => "sending again is free",
        Class::RateLimited | Class::Overloaded | Class::Unavailable => {
            "wait as long as the server asks, or use another provider"
        }
        Class::QuotaExhausted => "top up the quota, or use another provider or key",
        Class::InFlight => "wait, and ask again with the same idempotency key",
        Class::KeyReuse => "send the changed request under a new idempotency key",
        Class::ClientError | Class::Redirect => {
            "correct the request or the key; sending it again changes nothing"
        }
        Class::RequestTimeout => "check the uplink; sending again is nearly free",
        Class::ServerError => "send again once; report it to the provider if it stays",
        Class::ModelDeadline => "ask for a longer server deadline, or a smaller picture",
        Class::IntermediaryCut => {
            "something on the way gave up, not the model: raise its limit or go around it; the \
             call is most likely charged"
        }
        Class::UnknownOutcome => {
            "the call may be running and charged: look it up in the provider's log before sending it again"
        }
        Class::Undelivered => "the picture was made and did not arrive: claim it from the provider",
        Class::NoImage => "claim it from the provider; it was charged without a picture",
        Class::ContentBlocked => "change the prompt; the same one will be refused again",
        Class::Delivered => "nothing: the picture is here",
    }
}
