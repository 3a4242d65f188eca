//! Bodies that are whole, come in parts, or end in other ways than they should.
//!
//! Each shape is named after what a client sees. All but the first two give up a whole body for something else, and
//! none of them copies a byte.

use std::time::Duration;

use bytes::Bytes;

use super::{Body, Later, Pace, Stage, Step, data};

impl Body {
    /// A whole body of known length.
    pub(crate) fn whole(pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self {
            steps: data(pieces),
            left: Some(left),
            pace: Pace::default(),
            pause: None,
            next_beat: None,
            ending: None,
            line: None,
        }
    }

    /// White space until the rest is there; the length is not known.
    ///
    /// A blank is what gateways send, because JSON may begin with as many as one likes.
    pub(crate) fn beating(every: Duration, rest: Later) -> Self {
        let beat = Some((every, Bytes::from_static(b" ")));
        Self::stages(vec![Stage::wait(beat, rest)])
    }

    /// A body that comes in stages; the length is not known.
    ///
    /// Before a body stops or breaks it waits until what came before has reached the socket: the operating system
    /// throws away what lies in the buffers of a connection that is reset.
    pub(crate) fn stages(stages: Vec<Stage>) -> Self {
        let mut body = Self::whole(Vec::new());
        body.left = None;
        for stage in stages {
            match stage {
                Stage::Data(pieces) => body.steps.extend(data(pieces)),
                Stage::Wait(beat, rest) => body.steps.push_back(Step::Beats { beat, rest }),
                Stage::Never => body.steps.push_back(Step::Never),
                Stage::Stop => body.steps.extend([Step::Flush(None), Step::Stop]),
                Stage::Fail => body.steps.extend([Step::Flush(None), Step::Fail]),
            }
        }
        body
    }

    /// Half of it, and then the connection breaks.
    ///
    /// The length of the whole stays told, so a client can see that something is missing.
    pub(crate) fn truncated(self) -> Self {
        self.halved([Step::Flush(None), Step::Fail])
    }

    /// Half of it, ended as if it were whole.
    ///
    /// No length is told, so only the document's open brackets give it away.
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
    ///
    /// The document is delivered all the same: whoever reads to its last bracket has the picture.
    pub(crate) fn unended(self) -> Self {
        self.then([Step::Whole, Step::Flush(None), Step::Fail])
    }

    /// All of it, but the end never comes.
    pub(crate) fn held_open(self) -> Self {
        self.then([Step::Whole, Step::Never])
    }

    /// Something else than an end behind the data, so that no length can be told.
    fn then<const N: usize>(mut self, then: [Step; N]) -> Self {
        self.left = None;
        self.steps.extend(then);
        self
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
}
