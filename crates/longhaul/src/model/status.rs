//! A status by itself, before anybody has read the body. It is what counts where no [`Classify`](crate::classify) stands
//! below, and where a body has nothing to say.

use http::StatusCode;

use super::Class;

/// What a status means by itself; `None` for a success, whose body decides.
///
/// A 503 is [`Unavailable`](Class::Unavailable) and not overloaded: only words tell an overload. A 502 or a 504 is taken for
/// a proxy's, since providers that answer themselves say so in a body, which is read later.
pub(crate) fn class_of(status: StatusCode) -> Option<Class> {
    Some(match status.as_u16() {
        200..=299 => return None,
        300..=399 => Class::Redirect,
        402 => Class::QuotaExhausted,
        408 => Class::RequestTimeout,
        429 => Class::RateLimited,
        // Vertex cancelled it after reading it; charged or not, nobody says.
        499 => Class::UnknownOutcome,
        400..=499 => Class::ClientError,
        // Behind Cloudflare some of them prove that nothing was sent on; by themselves they do not.
        502 | 504 | 520..=526 => Class::IntermediaryCut,
        503 => Class::Unavailable,
        529 => Class::Overloaded,
        _ => Class::ServerError,
    })
}
