//! The answer with the pictures, once they are there.

use bytes::Bytes;

use super::{Provider, work::Generation};
use crate::{Work, dialect::Frame, oracle::Record};

/// The provider's calendar starts on 17 January 2026, so that equal seeds give equal answers.
const EPOCH: u64 = 1_768_608_000;

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
        let pictures = generation.pictures().await;
        let now = self.provider.inner.clock.now();
        let frame = Frame {
            work: &self.work,
            request_id: &self.request_id,
            created: EPOCH + now.as_secs(),
        };
        if pictures.is_empty() {
            return frame.without_picture(self.blocked);
        }
        self.record.belong(&pictures);
        if !self.work.links {
            return frame.with_pictures(&pictures);
        }
        let publish = |picture| {
            self.provider
                .inner
                .links
                .publish(picture, now, &self.record)
        };
        let links: Vec<_> = pictures
            .iter()
            .map(|picture| self.origin.clone() + &publish(picture))
            .collect();
        frame.with_links(&links)
    }
}
