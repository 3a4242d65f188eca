//! Reading a request's body, and putting fields into it.
//!
//! A request is changed by inserting a text right behind its first `{`. Parsing it and writing it anew would be simpler
//! to read, but would reorder fields, turn `1.0` into `1`, and hold a second copy of reference images of tens of
//! megabytes. A provider that signs or logs requests sees the caller's own bytes. The test
//! `fields_are_put_in_front_and_no_other_byte_is_changed` keeps it.
//!
//! Inserted fields come first. A reader that lets the last of two equal names win would prefer the caller's; callers
//! who set one of these fields are never changed at all (`agrees` of either plan), so that no name stands twice.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    future::poll_fn,
    hash::{DefaultHasher, Hasher},
    io::Read as _,
    pin::Pin,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use serde::{Deserialize, Deserializer as _, Serialize};

use super::{
    JoinedBody,
    top_level::{Pieces, TopLevel},
};

/// What is hashed at a time: 64 KiB, in bytes.
const BLOCK: usize = 64 * 1024;

/// A plain value in JSON and TOML.
///
/// Floats are left out: a row of a dialect compares values, and two floats that print alike need not be equal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Flag(bool),
    Number(i64),
    Text(String),
}

impl fmt::Display for Scalar {
    /// As JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
        }
    }
}

/// A request's body that was read to its end, in the pieces in which it came.
///
/// The pieces stay as they came, so a body of many frames is not copied to be looked at, and can be sent several times.
#[derive(Clone)]
pub(crate) struct Whole {
    pieces: Vec<Bytes>,
}

/// What the top level of a request's document says.
///
/// Nothing below the top level counts: `{"tools": [{"background": "opaque"}]}` says nothing of the response's
/// `background`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct TopFields {
    /// The names that were asked for and are there; a value that is not plain is `None`.
    pub(crate) fields: BTreeMap<String, Option<Scalar>>,
    /// Whether the object has no field at all.
    pub(crate) empty: bool,
}

impl Whole {
    /// Reads `body`, up to about `limit` bytes; a longer one passes as it is. No API of the tables reads trailers: they are
    /// left out.
    ///
    /// The inner `Err` is the body, whole and unread by anybody: what was taken from it comes first again. The outer
    /// one is the body's own error, with which the call ends, as it would have without this layer.
    pub(crate) async fn read<B>(
        mut body: B,
        limit: usize,
    ) -> Result<Result<Self, JoinedBody<B>>, B::Error>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut pieces = Vec::new();
        let mut length = 0;
        if body.size_hint().lower() > limit as u64 {
            return Ok(Err(JoinedBody::passing(body)));
        }
        while length <= limit {
            let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await else {
                return Ok(Ok(Self { pieces }));
            };
            match frame?.into_data() {
                Ok(data) => {
                    length += data.len();
                    pieces.push(data);
                }
                Err(_) => continue,
            }
        }
        Ok(Err(JoinedBody::joined(pieces, body)))
    }

    /// The same body again.
    ///
    /// Each piece is shared, not copied, so a submit that is made again costs no memory.
    pub(crate) fn body<B>(&self) -> JoinedBody<B> {
        JoinedBody::whole(self.pieces.iter().cloned())
    }

    /// A fingerprint of the content: not for keeping secrets, only for telling one request from another.
    ///
    /// Two requests of one idempotency key with different bodies are two tasks; this tells them apart. It is hashed in
    /// blocks of one size, so where a body is cut into frames makes no difference: a [`Hasher`] may tell two writes from
    /// one. It is 64 bits long and lives in this process only.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut reader = self.reader();
        let mut hasher = DefaultHasher::new();
        let mut block = Vec::with_capacity(BLOCK);
        // Reading from memory does not fail.
        while let Ok(1..) = (&mut reader).take(BLOCK as u64).read_to_end(&mut block) {
            hasher.write(&block);
            block.clear();
        }
        hasher.finish()
    }

    /// All pieces, one after the other.
    fn reader(&self) -> Pieces {
        Pieces {
            pieces: self.pieces.iter().cloned().collect(),
        }
    }

    /// What the document says under these names; `None` where it is no object, or broken.
    ///
    /// The reader runs over the pieces once and keeps nothing but the fields that are asked for. Bytes behind the
    /// document make it broken.
    pub(crate) fn said(&self, names: &[&str]) -> Option<TopFields> {
        let mut reader = serde_json::Deserializer::from_reader(self.reader());
        let said = reader.deserialize_map(TopLevel(names)).ok()?;
        reader.end().ok()?;
        Some(said)
    }

    /// What stands under these names at the top of the document; `None` where one is missing.
    ///
    /// This builds a tree, as an exception: it is needed only where a submit was lost, to compare it with the tasks in
    /// a list.
    pub(crate) fn values(&self, names: &[String]) -> Option<Vec<(String, serde_json::Value)>> {
        let mut document: serde_json::Value = serde_json::from_reader(self.reader()).ok()?;
        let values = names.iter().map(|name| {
            let value = document.get_mut(name)?.take();
            Some((name.clone(), value))
        });
        values.collect()
    }

    /// The body with further fields at the beginning of its object.
    ///
    /// `empty` says that the object has no field, so that no comma follows the last one that is put in. The `{` that is
    /// searched for is the first byte that is no blank, because [`said`](Self::said) has read the document as an object
    /// before.
    pub(crate) fn with<B>(&self, fields: &BTreeMap<String, Scalar>, empty: bool) -> JoinedBody<B> {
        let mut added = String::new();
        for (name, value) in fields {
            let name = serde_json::Value::from(name.as_str());
            added += &format!("{name}:{value},");
        }
        if empty {
            added.pop();
        }
        let mut pieces = VecDeque::new();
        let mut added = Some(Bytes::from(added));
        for piece in &self.pieces {
            let mut piece = piece.clone();
            let at = memchr::memchr(b'{', &piece);
            if let (Some(at), Some(added)) = (at, added.take_if(|_| at.is_some())) {
                pieces.extend([piece.split_to(at + 1), added]);
            }
            pieces.push_back(piece);
        }
        JoinedBody::whole(pieces)
    }
}

/// Whether the headers say that the body is JSON, and not packed.
///
/// A missing `Content-Type` counts as JSON, since many clients leave it out and every API here takes it so. A packed
/// body (any `Content-Encoding`) passes as it is: it would have to be unpacked, changed and packed again.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE);
    let json = kind.is_none_or(|kind| {
        let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
        kind.contains("json")
    });
    json && !headers.contains_key(http::header::CONTENT_ENCODING)
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};

    use super::*;

    fn whole(pieces: &[&'static str]) -> Whole {
        Whole {
            pieces: pieces.iter().copied().map(Bytes::from).collect(),
        }
    }

    async fn sent(body: JoinedBody<Empty<Bytes>>) -> String {
        let bytes = body.collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn the_top_level_is_read_across_pieces_and_nothing_below_it() {
        let body = whole(&[
            r#"{"a":{"store":true},"sto"#,
            r#"re":false,"n":2,"tools":[{"store":1}]}"#,
        ]);
        let said = body.said(&["store", "n", "tools", "background"]).unwrap();
        assert_eq!(said.fields["store"], Some(Scalar::Flag(false)));
        assert_eq!(said.fields["n"], Some(Scalar::Number(2)));
        assert_eq!(said.fields["tools"], None);
        assert_eq!(said.fields.len(), 3);
        assert!(whole(&["[1]"]).said(&[]).is_none());
        assert!(whole(&["{\"a\":1} x"]).said(&[]).is_none());
    }

    #[test]
    fn a_fingerprint_is_that_of_the_bytes_however_they_are_cut() {
        let long = Bytes::from("x".repeat(3 * BLOCK / 2));
        let body = |pieces: &[&Bytes]| Whole {
            pieces: pieces.iter().map(|piece| (*piece).clone()).collect(),
        };
        let whole = body(&[&long]).fingerprint();
        for at in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, long.len() - 1] {
            let (begun, rest) = (long.slice(..at), long.slice(at..));
            let cut = body(&[&begun, &Bytes::new(), &rest]).fingerprint();
            assert_eq!(cut, whole, "{at}");
            assert_ne!(body(&[&begun]).fingerprint(), whole, "{at}");
        }
    }

    #[tokio::test]
    async fn fields_are_put_in_front_and_no_other_byte_is_changed() {
        let fields = BTreeMap::from([
            ("background".to_owned(), Scalar::Flag(true)),
            ("mode".to_owned(), Scalar::Text("a\"b".to_owned())),
        ]);
        let body = whole(&["  ", "{ \"prompt\":", " \"{\" }"]);
        assert_eq!(
            sent(body.with(&fields, false)).await,
            r#"  {"background":true,"mode":"a\"b", "prompt": "{" }"#
        );
        assert_eq!(
            sent(whole(&["{}"]).with(&fields, true)).await,
            r#"{"background":true,"mode":"a\"b"}"#
        );
    }
}
