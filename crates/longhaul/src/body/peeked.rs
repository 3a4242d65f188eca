use bytes::Bytes;

/// What was read of a body before it was judged, shared: a layer above may keep a rejected answer by it.
#[derive(Clone, Debug)]
pub(crate) struct PeekedBytes(pub(crate) Bytes);
