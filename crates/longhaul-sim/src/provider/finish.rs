//! The answer with the pictures, once they are there.
//!
//! One end for unary calls and collected tasks. The document is made with the pictures' identities in it, and the
//! base64 is put in their place without a copy, so a 12 MB answer costs its head and its tail.

use bytes::Bytes;
use serde_json::Value;

use super::{Provider, work::Generation};
use crate::{
    Work,
    dialect::{Frame, spliced},
    oracle::Record,
};

/// The provider's calendar starts on 17 January 2026, so that equal seeds give equal answers.
pub(super) const EPOCH: u64 = 1_768_608_000;

/// All that the answer needs besides the pictures.
pub(super) struct Finish {
    pub(super) provider: Provider,
    pub(super) record: Record,
    pub(super) request_id: String,
    /// Scheme and host for links.
    pub(super) origin: String,
    /// Whether the safety filter takes the picture away.
    pub(super) blocked: bool,
    pub(super) work: Work,
}

impl Finish {
    /// The answer's text, when the work is done.
    pub(super) async fn pieces(self, generation: Generation) -> Vec<Bytes> {
        let links = self.work.links;
        self.wrapped(&generation, links, false, |document| document)
            .await
            .0
    }

    /// The same with the pictures by link or inside, the links expired where they are `gone`, and `wrap` around the
    /// document; the second value says whether there is a picture.
    pub(super) async fn wrapped(
        self,
        generation: &Generation,
        links: bool,
        gone: bool,
        wrap: impl FnOnce(Value) -> Value + Send,
    ) -> (Vec<Bytes>, bool) {
        let pictures = generation.clone().pictures().await;
        let now = self.provider.inner.clock.now();
        let frame = Frame {
            work: &self.work,
            request_id: &self.request_id,
            created: EPOCH + now.as_secs(),
        };
        let whole = |document: Value| vec![Bytes::from(document.to_string())];
        if pictures.is_empty() {
            let document = frame.document_without_picture(self.blocked);
            return (whole(wrap(document)), false);
        }
        self.record.belong(&pictures);
        if !links {
            let text = wrap(frame.document(&pictures)).to_string();
            return (spliced(text, &pictures), true);
        }
        let links = &self.provider.inner.links;
        let publish = |picture| {
            let path = if gone {
                links.publish_gone(picture, now, &self.record)
            } else {
                links.publish(picture, now, &self.record)
            };
            self.origin.clone() + &path
        };
        let links: Vec<_> = pictures.iter().map(publish).collect();
        (whole(wrap(frame.document_of_links(&links))), true)
    }
}
