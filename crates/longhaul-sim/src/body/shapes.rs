//! Bodies that are whole, come late, or end in other ways than they should.

use std::time::Duration;

use bytes::Bytes;

use super::{Beats, Body, Later, Pace, Step, data};
use crate::SimErrorKind;

impl Body {
    /// A whole body of known length.
    pub(crate) fn whole(pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self {
            steps: data(pieces),
            left: Some(left),
            pace: Pace::default(),
            pause: None,
            ending: None,
            line: None,
        }
    }

    /// Nothing, or something that means nothing at intervals, until the rest is there; the length is not known.
    pub(crate) fn later(beats: Option<(Duration, &'static str)>, rest: Later) -> Self {
        let beats = beats.map(|(every, beat)| Beats {
            every,
            next: Box::pin(tokio::time::sleep(every)),
            beat,
        });
        Self {
            left: None,
            steps: [Step::Later { beats, rest }].into(),
            ..Self::whole(Vec::new())
        }
    }

    /// The connection breaks.
    pub(crate) fn broken(kind: SimErrorKind) -> Self {
        Self {
            left: None,
            steps: [Step::Flush(None), Step::Fail(kind)].into(),
            ..Self::whole(Vec::new())
        }
    }

    /// Half of it, and then the connection breaks.
    pub(crate) fn truncated(self) -> Self {
        self.halved([Step::Flush(None), Step::Fail(SimErrorKind::Truncated)])
    }

    /// Half of it, ended as if it were whole.
    pub(crate) fn ended_early(self) -> Self {
        Self {
            left: None,
            ..self.halved([Step::Flush(None), Step::Stop])
        }
    }

    /// Half of it, and then nothing.
    pub(crate) fn stalled(self) -> Self {
        self.halved([Step::Never])
    }

    /// All of it, but the connection breaks instead of the last chunk.
    pub(crate) fn unended(self) -> Self {
        self.then([
            Step::Whole,
            Step::Flush(None),
            Step::Fail(SimErrorKind::Truncated),
        ])
    }

    /// All of it, but the end never comes.
    pub(crate) fn held_open(self) -> Self {
        self.then([Step::Whole, Step::Never])
    }

    /// Keeps the first half of the data, but the length that was told.
    fn halved<const N: usize>(mut self, then: [Step; N]) -> Self {
        let mut keep = self.left.unwrap_or(0) as usize / 2;
        self.steps.retain_mut(|step| match step {
            Step::Data(piece) => {
                piece.truncate(keep);
                keep -= piece.len();
                !piece.is_empty()
            }
            _ => true,
        });
        self.steps.extend(then);
        self
    }

    /// Something else than an end behind the data, so that no length can be told.
    fn then<const N: usize>(mut self, then: [Step; N]) -> Self {
        self.left = None;
        self.steps.extend(then);
        self
    }
}
