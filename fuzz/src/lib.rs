//! What the fuzz targets share: how an input is read as a message, and bodies in pieces.
//!
//! An input of the targets about HTTP looks like a message, so that the corpus can be read, and written, by hand:
//!
//! ```text
//! 429
//! content-type: application/json
//! retry-after: 20
//!
//! {"error":{"message":"…"}}
//! ```

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::{Body, Frame, SizeHint};

/// A first line, header lines, an empty line and a body.
#[derive(Debug)]
pub struct Message<'a> {
    /// The path of a request, or the status of an answer.
    pub first: &'a str,
    /// Those of its header lines that are ones.
    pub headers: HeaderMap,
    /// All that follows the empty line.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// `None` where the first line is no text.
    pub fn read(input: &'a [u8]) -> Option<Self> {
        let (first, mut rest) = line(input);
        let first = str::from_utf8(first).ok()?;
        let mut headers = HeaderMap::new();
        loop {
            let (header, body) = line(rest);
            rest = body;
            if header.is_empty() {
                break;
            }
            let Some(colon) = header.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let name = HeaderName::from_bytes(&header[..colon]);
            let value = HeaderValue::from_bytes(header[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Some(Self {
            first,
            headers,
            body: rest,
        })
    }

    /// An answer; `None` where the first line is no status of one. Interim answers never reach a service.
    pub fn answer(input: &'a [u8]) -> Option<(StatusCode, Self)> {
        let message = Self::read(input)?;
        let status = message.first.parse().ok()?;
        (status >= StatusCode::OK).then_some((status, message))
    }

    /// The body in pieces, in three ways: whole, at places that follow from its bytes, and byte by byte.
    pub fn pieces(&self) -> [Pieces; 3] {
        let whole = Pieces([Bytes::copy_from_slice(self.body)].into());
        let single = self.body.chunks(1).map(Bytes::copy_from_slice).collect();
        [whole, self.in_some_places(), Pieces(single)]
    }

    /// Cut where a byte and its place hash to a multiple of eight: the fuzzer moves the cuts with the bytes.
    fn in_some_places(&self) -> Pieces {
        let mut pieces = VecDeque::new();
        let mut rest = self.body;
        while !rest.is_empty() {
            let hash = |(at, byte): (usize, &u8)| at.wrapping_mul(31).wrapping_add((*byte).into());
            let cut = rest
                .iter()
                .enumerate()
                .map(hash)
                .position(|hash| hash % 8 == 0);
            let (piece, after) = rest.split_at(cut.map_or(rest.len(), |at| at + 1));
            pieces.push_back(Bytes::copy_from_slice(piece));
            rest = after;
        }
        Pieces(pieces)
    }
}

/// What stands before the first line feed, and what behind it.
fn line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}

/// A body that comes in these pieces, each at once, and says nothing of its length.
#[derive(Clone, Debug)]
pub struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
