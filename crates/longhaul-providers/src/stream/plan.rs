//! Whether a call has a form as a stream.

use std::collections::BTreeMap;

use http::{
    HeaderValue, Method,
    header::{ACCEPT, CONTENT_LENGTH},
    request::Parts,
};
use longhaul::Workload;

use super::policy::{Api, StreamPolicy, StreamRow};
use crate::exchange::{Account, Memory, Scalar, TopFields, Whole, authority, is_json};

/// How a call becomes a stream.
#[derive(Clone, Debug)]
pub(super) struct StreamPlan {
    pub(super) row: StreamRow,
    pub(super) account: Account,
}

/// Fields that say that the caller has something else in mind.
const NEVER_WITH: [&str; 3] = ["stream", "background", "partial_images"];

impl StreamPlan {
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
    pub(super) fn fields(&self, partial_images: u8) -> BTreeMap<String, Scalar> {
        let mut fields = BTreeMap::from([("stream".to_owned(), Scalar::Flag(true))]);
        if self.row.api == Api::Images {
            let number = Scalar::Number(partial_images.into());
            fields.insert("partial_images".to_owned(), number);
        }
        fields
    }

    pub(super) fn head(&self, mut head: Parts) -> Parts {
        head.headers.remove(CONTENT_LENGTH);
        let accept = HeaderValue::from_static("text/event-stream, application/json");
        head.headers.insert(ACCEPT, accept);
        head
    }
}

/// How many pictures a request asks for.
pub(super) fn images(said: &TopFields) -> usize {
    match said.fields.get("n") {
        Some(Some(Scalar::Number(n))) => usize::try_from(*n).unwrap_or(1),
        _ => 1,
    }
}
