//! Reading a request's body.
//!
//! What has arrived is counted frame by frame, because a client that breaks off is judged by how much the provider has
//! read. Work begins only after the last byte: that is the line between free and charged.

use std::{future::poll_fn, pin::pin};

use bytes::Buf;

use super::call::Stop;
use crate::{Fault, SimErrorKind, dialect::Refusal, error::BoxError, oracle::Exchange};

/// More than any provider takes.
///
/// In bytes; a longer one is refused with 413 as soon as that is seen.
const MOST_BODY: usize = 256 * 1024 * 1024;

/// The whole body, unless the fault strikes before.
///
/// Trailers are not looked at. With `reset-reading` it breaks off even where the body is shorter than the fault says.
pub(super) async fn read<B>(body: B, fault: Fault, exchange: &Exchange) -> Result<Vec<u8>, Stop>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut read = Vec::new();
    loop {
        if let Fault::ResetReading { bytes } = fault
            && read.len() as u64 >= bytes
        {
            return Err(Stop::Broken(SimErrorKind::Reset));
        }
        let frame = match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => break,
            Some(frame) => frame.map_err(|error| Stop::RequestBody(error.into()))?,
        };
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        exchange.received(data.remaining());
        if read.len() + data.remaining() > MOST_BODY {
            return Err(Refusal::TooLarge.into());
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            read.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    exchange.received_whole();
    if let Fault::ResetReading { .. } = fault {
        return Err(Stop::Broken(SimErrorKind::Reset));
    }
    Ok(read)
}
