//! Passed upwards with an answer that is not handed on at once: when every further attempt has failed, a layer above can hand
//! this one on after all.

use bytes::Bytes;

/// What was read of a body before it was judged, shared: a layer above may keep a rejected answer by it.
#[derive(Clone, Debug)]
pub(crate) struct PeekedBytes(pub(crate) Bytes);
