//! What a request asks of this layer.
//!
//! Everything that decides over a request is read here, once, before anything is looked up: whose the request is, its
//! key, the digest of what it asks, and the wishes in its headers. What is for this layer alone
//! (`x-longhaul-send-again`, `Prefer: respond-async`) is taken out of the request; the key stays, for layers below
//! that want it.
//!
//! Keys and requests become digests at once, so that neither is in the index, in a log or in a dump of the database.

use std::time::Duration;

use http::{HeaderMap, StatusCode, request::Parts};

use super::{
    SEND_AGAIN,
    digests::digest,
    index::{Digest, State},
    layer::Replays,
    operation::{Answer, Operation},
};
use crate::{
    caller::{Caller, Scope},
    progress::Progress,
    refusal::Refusal,
    upstream::{Upstream, host},
};

/// What a request asks of this layer.
pub(super) struct OperationRequest {
    /// Without a `Caller` in the extensions, that of those who present nothing: a server without callers has one
    /// scope for all.
    pub(super) scope: Scope,
    pub(super) caller: String,
    /// Over the scope too: the same key of two callers has two digests, and the database does not tell that they are
    /// the same.
    pub(super) key: Option<Digest>,
    /// Over method, path and body as its caller sent them, not over headers or query: SDKs add a count, a trace or a
    /// date to each attempt, and Google's key stands in the query. A caller that changes only these means the same
    /// picture. The host counts where it chooses the upstream: else a fleet has as many as it has gateways.
    ///
    /// Nothing of the configuration is in it: an upstream that is renamed, or that another takes over from, takes no
    /// caller's kept picture away.
    pub(super) request: Digest,
    /// An SDK has counted: this request is one that it sends again by itself.
    pub(super) retry: bool,
    /// A person accepts a second charge.
    pub(super) send_again: bool,
    /// Whether its caller comes for the answer later, unless it is there within this time.
    pub(super) respond_async: Option<Duration>,
    /// Of the waiting caller.
    ///
    /// A layer above, the heartbeat, has put it there. It follows the operation's from now on, so that the line of a
    /// caller who attaches is kept open too.
    pub(super) progress: Option<Progress>,
}

impl Replays {
    /// Two keys in one request are refused: nobody knows by which of them its caller will come back. So is an empty one,
    /// which a template with a missing value makes: every such call would belong to the first.
    pub(super) fn asked(&self, head: &mut Parts, body: &[u8]) -> Result<OperationRequest, Refusal> {
        let policy = &self.0.policy;
        let secret = self.0.index.secret();
        let caller = head.extensions.get::<Caller>();
        let scope = caller.map(Caller::scope).unwrap_or_default();
        let name = caller.map_or_else(String::new, |caller| caller.name().to_string());
        let headers = &mut head.headers;
        let key = match &headers
            .get_all(&policy.key_header)
            .iter()
            .collect::<Vec<_>>()[..]
        {
            [] => None,
            [key] if key.as_bytes().trim_ascii().is_empty() => {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "idempotency_key",
                    format!(
                        "`{}` is empty; nothing was sent: give each picture a key of its own, or leave the header out",
                        policy.key_header
                    ),
                ));
            }
            [key] => Some(digest(&secret, &[b"key", scope.as_bytes(), key.as_bytes()])),
            _ => {
                return Err(Refusal::new(
                    StatusCode::BAD_REQUEST,
                    "idempotency_key",
                    format!(
                        "`{}` is there more than once; nothing was sent",
                        policy.key_header
                    ),
                ));
            }
        };
        let count = headers.get(&policy.retry_header);
        let retry = count
            .and_then(|count| count.to_str().ok()?.trim().parse::<u32>().ok())
            .is_some_and(|count| count > 0);
        let send_again = headers
            .remove(SEND_AGAIN)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        let respond_async = take_respond_async(headers);
        let upstream = head.extensions.get::<Upstream>();
        let host = upstream.and_then(|upstream| upstream.host_asked(host(head)));
        let request = digest(
            &secret,
            &[
                b"request",
                host.unwrap_or_default().as_bytes(),
                head.method.as_str().as_bytes(),
                head.uri.path().as_bytes(),
                body,
            ],
        );
        Ok(OperationRequest {
            scope,
            caller: name,
            key,
            request,
            retry,
            send_again,
            respond_async,
            progress: head.extensions.get().cloned(),
        })
    }
}

impl OperationRequest {
    /// Whether the kept answer is a failure that its caller does not want again.
    ///
    /// A picture that is kept is never made again, whatever the header says: the second charge is for an outcome that
    /// helped nobody.
    pub(super) fn wants_new(&self, operation: &Operation) -> bool {
        let failed = match &*operation.answer.borrow() {
            Some(Answer::Head { status, .. }) => !status.is_success(),
            _ => false,
        };
        self.send_again && failed && operation.state() == State::Kept
    }
}

/// Removes `Prefer` where it has `respond-async`, with the seconds of a `wait` that belongs to it: what a caller that comes
/// back waits for is no deadline of the operation.
///
/// The layers below take `wait` for the operation's deadline; an operation that somebody comes back for would end
/// there.
fn take_respond_async(headers: &mut HeaderMap) -> Option<Duration> {
    let wait = respond_async(headers)?;
    headers.remove("prefer");
    Some(wait)
}

/// How long a caller waits that comes for its answer later; `None` where it waits until the end.
///
/// The parameters of RFC 7240 stand behind a comma or a semicolon, in quotes or not. A `wait` that is no number
/// counts as none: the ticket comes at once. The last `wait` wins.
pub(crate) fn respond_async(headers: &HeaderMap) -> Option<Duration> {
    let (mut is_asked, mut wait) = (false, Duration::ZERO);
    let values = headers.get_all("prefer").iter();
    for value in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|values| values.split([',', ';']))
    {
        let value = value.trim();
        is_asked |= value.eq_ignore_ascii_case("respond-async");
        if let Some((name, seconds)) = value.split_once('=')
            && name.trim().eq_ignore_ascii_case("wait")
            && let Ok(seconds) = seconds.trim().trim_matches('"').parse()
        {
            wait = Duration::from_secs(seconds);
        }
    }
    is_asked.then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_comes_later_where_it_says_so_and_waits_first() {
        for (prefer, wait) in [
            (&["respond-async"][..], Some(0)),
            (&["Respond-Async, wait=10"], Some(10)),
            (&["wait = \"7\"", "respond-async"], Some(7)),
            (&["respond-async; wait=x"], Some(0)),
            (&["wait=10"], None),
            (&["not-respond-async"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in prefer {
                headers.append("prefer", value.parse().unwrap());
            }
            let found = take_respond_async(&mut headers);
            assert_eq!(found, wait.map(Duration::from_secs), "{prefer:?}");
            assert_eq!(
                headers.contains_key("prefer"),
                wait.is_none() && !prefer.is_empty()
            );
        }
    }
}
