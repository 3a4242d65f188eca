//! Whether a call has a form as a stream.
//!
//! A stream is made only of a call that means the same as a stream. A caller who says anything about streaming
//! (`stream`, even `false`), about background work or about partial images gets what they asked for: the answer would
//! otherwise come in a form that was ruled out, or with drafts that they pay for. The test
//! `what_has_no_form_as_a_stream_passes_as_it_is` goes through them.

use std::collections::BTreeMap;

use http::{
    HeaderValue, Method,
    header::{ACCEPT, CONTENT_LENGTH},
    request::Parts,
};
use longhaul::Workload;

use super::policy::{Api, StreamPolicy, StreamRow};
use crate::exchange::{Account, Memory, Scalar, TopFields, Whole, authority, is_json};

/// How one call becomes a stream: the row of its host, and whose call it is.
#[derive(Clone, Debug)]
pub(super) struct StreamPlan {
    pub(super) row: StreamRow,
    pub(super) account: Account,
}

/// Fields that say that the caller has something else in mind.
const NEVER_WITH: [&str; 3] = ["stream", "background", "partial_images"];

impl StreamPlan {
    /// By the head alone: a `POST` of JSON, a host of the policy, a path of its API, and no refusal remembered. Of the
    /// Responses API only calls that ask for pictures are taken, where a detector above says which; without one all
    /// are.
    pub(super) fn of(
        policy: &StreamPolicy,
        refused: &Memory<(Account, Api)>,
        head: &Parts,
    ) -> Option<Self> {
        if head.method != Method::POST || !is_json(&head.headers) {
            return None;
        }
        let row = policy.row(&authority(&head.uri)?)?;
        let path = head.uri.path();
        let ours = match row.api {
            Api::Responses => {
                let workload = head.extensions.get::<Workload>();
                path.ends_with("/responses") && workload.is_none_or(|workload| workload.recognised)
            }
            Api::Images => path.ends_with("/images/generations") || path.ends_with("/images/edits"),
        };
        let account = Account::of(&head.uri, &head.headers);
        (ours && !refused.knows(&(account, row.api))).then_some(Self { row, account })
    }

    /// What the body says, if it agrees.
    ///
    /// The answer holds `n`, the number of pictures, if the request says one.
    pub(super) fn agrees(&self, body: &Whole) -> Option<TopFields> {
        let said = body.said(&[&NEVER_WITH[..], &["n"]].concat())?;
        // `background` of the images API is a colour.
        let colour = |name: &str| self.row.api == Api::Images && name == "background";
        let mut never = NEVER_WITH.into_iter().filter(|name| !colour(name));
        never
            .all(|name| !said.fields.contains_key(name))
            .then_some(said)
    }

    /// The fields that ask for the stream, with so many partial images.
    ///
    /// The Responses API takes the number of partial images within its tool, and not here.
    pub(super) fn fields(&self, partial_images: u8) -> BTreeMap<String, Scalar> {
        let mut fields = BTreeMap::from([("stream".to_owned(), Scalar::Flag(true))]);
        if self.row.api == Api::Images {
            let number = Scalar::Number(partial_images.into());
            fields.insert("partial_images".to_owned(), number);
        }
        fields
    }

    /// The head for a body that has become longer, which accepts both forms of an answer: a peer that does not stream
    /// is to send its unary answer and no refusal.
    pub(super) fn head(&self, mut head: Parts) -> Parts {
        head.headers.remove(CONTENT_LENGTH);
        let accept = HeaderValue::from_static("text/event-stream, application/json");
        head.headers.insert(ACCEPT, accept);
        head
    }
}

/// How many pictures a request asks for.
///
/// 1 where it says none; a stream is over when so many have come. `None` where it says what is no number here (`"2"`,
/// `2.0`): a provider may read it, and pictures that are paid for would be left behind.
pub(super) fn images(said: &TopFields) -> Option<usize> {
    match said.fields.get("n") {
        None => Some(1),
        Some(Some(Scalar::Number(n))) => Some(usize::try_from(*n).unwrap_or(1)),
        Some(_) => None,
    }
}
