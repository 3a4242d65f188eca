//! What a request asks of this layer.

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
    upstream::Upstream,
};

/// What a request asks of this layer.
pub(super) struct Asked {
    pub(super) scope: Scope,
    pub(super) caller: String,
    pub(super) key: Option<Digest>,
    pub(super) request: Digest,
    pub(super) retry: bool,
    pub(super) send_again: bool,
    pub(super) respond_async: bool,
    /// Of the waiting caller.
    pub(super) progress: Option<Progress>,
}

impl Replays {
    pub(super) fn asked(&self, head: &mut Parts, body: &[u8]) -> Result<Asked, Refusal> {
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
        let upstream = head.extensions.get::<Upstream>().map_or("", Upstream::name);
        let request = digest(
            &secret,
            &[
                b"request",
                upstream.as_bytes(),
                head.method.as_str().as_bytes(),
                head.uri.path().as_bytes(),
                body,
            ],
        );
        Ok(Asked {
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

impl Asked {
    /// Whether the kept answer is a failure that its caller does not want again.
    pub(super) fn wants_new(&self, operation: &Operation) -> bool {
        let failed = match &*operation.answer.borrow() {
            Some(Answer::Head { status, .. }) => !status.is_success(),
            _ => false,
        };
        self.send_again && failed && operation.state() == State::Kept
    }
}

/// Removes `respond-async` from `Prefer`, with a `wait` that belongs to it.
fn take_respond_async(headers: &mut HeaderMap) -> bool {
    let is_asked = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|values| values.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case("respond-async"));
    if is_asked {
        headers.remove("prefer");
    }
    is_asked
}
