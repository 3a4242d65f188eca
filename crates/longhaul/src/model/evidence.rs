//! What is kept of an answer after it has gone by.
//!
//! Everything here may be written into a ledger and a log, so everything is bounded and none of it is free text: an id has at
//! most 128 printable characters, a reason is one word, the rest are numbers. A sentence may repeat the prompt; it is
//! replaced by a note that there was one.

use http::{HeaderMap, HeaderName};

/// Where providers and relays put the id that their support can search by.
static ID_HEADERS: [HeaderName; 6] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-oneapi-request-id"),
    HeaderName::from_static("x-api-request-id"),
    HeaderName::from_static("x-comfy-request-id"),
    HeaderName::from_static("cf-ray"),
];

/// Where an id is found in the body: as a field, or at the end of an error's message.
pub(crate) const IN_BODY: &str = "body";
pub(crate) const IN_MESSAGE: &str = "message";

/// No id is longer; longer ones are left out.
const ID: usize = 128;

/// An answer names itself in one or two places; more are left out.
///
/// An answer whose body lists ids without an end fills no ledger.
const IDS: usize = 8;

/// What an answer says that a ledger may keep: ids, counts and reasons, never a prompt, an image or a key.
///
/// A provider's support asks for the id, an accountant for the count and the reason. What they must not find in a ledger is what
/// was asked for, so that none of that is here.
///
/// ```
/// use longhaul::classify::{Evidence, RequestId};
///
/// let mut evidence = Evidence::default();
/// evidence.request_ids.extend(RequestId::found("x-request-id", "req_011CSHoEeqs5C35K2UUqR7Fy"));
/// assert_eq!(evidence.request_ids[0].from, "x-request-id");
/// assert_eq!(evidence.images, 0);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The ids by which provider, relay and proxy know the request, in the order found.
    ///
    /// The provider's own come before those of proxies: the first is the one that its support asks for.
    pub request_ids: RequestIds,
    /// Pictures, or links to some: not empty, and not called drafts.
    ///
    /// Counted at the end of each picture's text or link, whatever the class says: one that broke off in the middle is not
    /// counted.
    pub images: u32,
    /// Pictures that the answer itself calls drafts: Gemini's thoughts, OpenAI's partial images.
    pub drafts: u32,
    /// Why the model stopped, as it says so; a reason other than a plain stop, where there are several.
    ///
    /// In the provider's own spelling: `STOP`, `MAX_TOKENS`, `IMAGE_SAFETY`. `(in words)` stands for whatever is no single
    /// word.
    pub finish_reason: Option<Box<str>>,
    /// Why the request was blocked, as the provider says so.
    pub block_reason: Option<Box<str>>,
    /// Tokens of the request that were read. For metrics: the durable ledger does not keep them.
    pub input_tokens: Option<u64>,
    /// Tokens that were made.
    pub output_tokens: Option<u64>,
    /// What the answer itself says that it cost, in millionths of the provider's unit.
    ///
    /// Not [`Money`](crate::Money): an answer seldom says of which currency.
    pub cost_micros: Option<i64>,
    /// Bytes of its body that were seen.
    ///
    /// As they came over the wire, encoded where the answer was.
    pub bytes: u64,
}

/// An id, and where it was found.
///
/// ```
/// use longhaul::classify::RequestId;
///
/// // From two columns of a ledger of one's own; what does not look like an id is not taken.
/// let id = RequestId::found("cf-ray", "8f1c2a9e4b7d1234-FRA").unwrap();
/// assert_eq!(&*id.id, "8f1c2a9e4b7d1234-FRA");
/// assert_eq!(RequestId::found("cf-ray", "two words"), None);
/// assert_eq!(RequestId::found("set-cookie", "8f1c2a9e"), None);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct RequestId {
    /// The header's name, or `body`, or `message` for an id at the end of an error's message.
    pub from: &'static str,
    /// The id, as it was written there.
    pub id: Box<str>,
}

impl RequestId {
    /// Only what looks like an id is one.
    pub(crate) fn new(from: &'static str, id: &str) -> Option<Self> {
        let fits = (1..=ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self {
            from,
            id: id.into(),
        })
    }

    /// An id that was found in a place called `from`: for ledgers that read back what they wrote. `None` for
    /// a place that no id is looked for in, and for what does not look like an id.
    pub fn found(from: &str, id: &str) -> Option<Self> {
        let mut places = ID_HEADERS
            .iter()
            .map(HeaderName::as_str)
            .chain([IN_BODY, IN_MESSAGE]);
        let from = places.find(|place| *place == from)?;
        Self::new(from, id)
    }
}

/// A few ids, none twice.
///
/// Reads like a slice. Eight at most: an answer cannot fill a ledger.
///
/// ```
/// use longhaul::classify::{RequestId, RequestIds};
///
/// let mut ids = RequestIds::default();
/// let found = || RequestId::found("x-request-id", "req_1");
/// ids.extend(found());
/// ids.extend(found());
/// assert_eq!(ids.len(), 1, "proxies repeat what they pass on");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[serde(transparent)]
pub struct RequestIds(Vec<RequestId>);

impl std::ops::Deref for RequestIds {
    type Target = [RequestId];

    fn deref(&self) -> &[RequestId] {
        &self.0
    }
}

impl Extend<RequestId> for RequestIds {
    fn extend<I: IntoIterator<Item = RequestId>>(&mut self, ids: I) {
        for id in ids {
            if self.0.len() < IDS && !self.0.contains(&id) {
                self.0.push(id);
            }
        }
    }
}

impl Evidence {
    /// What the head alone tells.
    pub(crate) fn of_head(headers: &HeaderMap) -> Self {
        let mut found: Vec<_> = headers
            .iter()
            .filter_map(|(name, id)| {
                let place = ID_HEADERS.iter().position(|known| known == name)?;
                let id = RequestId::new(ID_HEADERS[place].as_str(), id.to_str().ok()?)?;
                Some((place, id))
            })
            .collect();
        // The provider's own come first, whatever stands first in the answer.
        found.sort_by_key(|(place, _)| *place);
        let mut request_ids = RequestIds::default();
        request_ids.extend(found.into_iter().map(|(_, id)| id));
        Self {
            request_ids,
            ..Self::default()
        }
    }

    /// What the body adds to what the head told.
    ///
    /// The head's ids stay first. Counts and reasons are the body's alone: a head has none.
    pub(crate) fn add_body(&mut self, body: Self) {
        let of_head = std::mem::take(&mut self.request_ids);
        let of_body = body.request_ids.clone();
        *self = Self {
            request_ids: of_head,
            ..body
        };
        self.request_ids.extend(of_body.0);
    }

    /// Leaves out what `secret` says of.
    ///
    /// An id or a reason that shows a key is dropped whole: a part of a key narrows down the rest.
    pub(crate) fn forget(&mut self, secret: impl Fn(&str) -> bool) {
        self.request_ids.0.retain(|found| !secret(&found.id));
        for reason in [&mut self.finish_reason, &mut self.block_reason] {
            if reason.as_deref().is_some_and(&secret) {
                *reason = None;
            }
        }
    }

    /// Of several reasons the first that is not a plain stop counts.
    pub(crate) fn finish(&mut self, reason: &str) {
        let plain = |reason: &str| reason.eq_ignore_ascii_case("stop");
        if self.finish_reason.as_deref().is_none_or(plain) {
            self.finish_reason = Some(bounded(reason));
        }
    }

    /// The default of Google's enumeration says that nothing was blocked.
    pub(crate) fn block(&mut self, reason: &str) {
        if !reason.ends_with("_UNSPECIFIED") {
            self.block_reason.get_or_insert_with(|| bounded(reason));
        }
    }
}

/// A reason is one word; of a sentence, which may repeat the prompt, nothing but its being there is kept.
fn bounded(reason: &str) -> Box<str> {
    let word = reason.len() <= 64
        && reason
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if word { reason } else { "(in words)" }.into()
}

/// A number as millionths of the provider's unit, `factor` of them to one.
pub(crate) fn micros(number: &str, factor: f64) -> Option<i64> {
    let micros = (number.parse::<f64>().ok()? * factor).round();
    (micros.is_finite() && (0.0..1e15).contains(&micros)).then_some(micros as i64)
}
