//! The pictures: real PNG files of the right size and weight.
//!
//! Making a 4K picture costs much more than sending it, so there is one per size and process. What differs is a text
//! chunk with the picture's identity. It stands right behind the header, and its length is such that all before the
//! shared rest is a multiple of three bytes: in base64 the rest is shared as well.
//!
//! A test that has a picture can so tell whose it is, and whether the oracle charged it:
//!
//! ```
//! use base64::{Engine, prelude::BASE64_STANDARD};
//! use http_body_util::BodyExt;
//! use longhaul_sim::{Provider, Weight, picture};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let provider = Provider::builder().image_weight(Weight::Tiny).build()?;
//! let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
//! let answer = provider.clone().oneshot(request).await?.into_body().collect().await?.to_bytes();
//! let answer: serde_json::Value = serde_json::from_slice(&answer)?;
//! let file = BASE64_STANDARD.decode(answer["data"][0]["b64_json"].as_str().unwrap())?;
//! assert_eq!(picture::identity(&file).as_ref(), provider.oracle().entries()[0].images.first());
//! # Ok(()) }
//! ```

use std::{
    collections::BTreeMap,
    io::Cursor,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

use crate::Resolution;

/// How heavy the pictures are.
///
/// Real pictures are what bodies, memory and sockets have to be tried with. A test that counts attempts needs none of their bytes.
///
/// ```
/// use longhaul_sim::{Provider, Weight};
/// use http_body::Body;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut lengths = Vec::new();
/// for weight in [Weight::Tiny, Weight::Light] {
///     let provider = Provider::builder().image_weight(weight).build()?;
///     let request = http::Request::post("/v1/images/generations").body(r#"{ "prompt": "a cat" }"#.to_owned())?;
///     lengths.push(provider.oneshot(request).await?.body().size_hint().exact().unwrap());
/// }
/// assert!(lengths[0] < 20_000 && lengths[1] > 150_000, "{lengths:?}");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Weight {
    /// As a real provider's: in base64 1.5 MB at 1K, 4 MB at 2K and 12 MB at 4K.
    ///
    /// The first picture of a size takes a process some time to make; all others of that size share its bytes.
    #[default]
    Real,
    /// Right pixel sizes in 150 to 180 kB of base64, whatever the size: more than a client reads ahead, so that a
    /// body that breaks off does so on its way, and light enough for a hundred thousand of them.
    Light,
    /// Right pixel sizes in a few kilobytes, for tests that are not about the bytes.
    Tiny,
}

/// Bytes of noise in a light picture: most of one at 1K.
const LIGHT: usize = 80 * 1024;

/// Signature and header chunk.
const HEADER: usize = 33;
/// With its NUL nine bytes, so that the chunk with a 24 digit identity has 12 + 33: a multiple of three, like `HEADER`.
const KEYWORD: &str = "Identity";
/// Digits of an identity: 96 random bits in base 16, so that two pictures never share one.
const IDENTITY: usize = 24;
/// All that comes before the shared rest: the header, and the text chunk with its length, name and checksum (12 bytes).
const HEAD: usize = HEADER + 12 + KEYWORD.len() + 1 + IDENTITY;
const _: () = assert!(
    HEAD.is_multiple_of(3),
    "the head must fill whole base64 groups"
);

/// The identity of a picture made by this crate, read from its text chunk.
///
/// `None` for anything else, and for a file that breaks off before its pixels. The pixels are not checked.
///
/// ```
/// assert_eq!(longhaul_sim::picture::identity(b"no picture"), None);
/// ```
///
/// A test finds with it which of several works a client's picture came from, and compares it with
/// [`Entry::images`](crate::Entry::images).
#[must_use]
pub fn identity(file: &[u8]) -> Option<String> {
    let reader = png::Decoder::new(Cursor::new(file)).read_info().ok()?;
    let texts = &reader.info().uncompressed_latin1_text;
    texts
        .iter()
        .find(|chunk| chunk.keyword == KEYWORD)
        .map(|chunk| chunk.text.clone())
}

/// One picture with its own identity.
///
/// Cloning it copies two handles on bytes.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    identity: String,
    head: Bytes,
    rest: Arc<Rest>,
}

/// What all pictures of a size share, as it is and in base64.
#[derive(Debug)]
struct Rest {
    raw: Bytes,
    base64: Bytes,
}

impl Picture {
    /// A picture of this size. `number` gives its identity.
    ///
    /// The head is encoded for each picture; the rest is made once for each size and weight.
    pub(crate) fn new(
        width: u32,
        height: u32,
        weight: Weight,
        number: u128,
    ) -> Result<Self, EncodingError> {
        let identity = format!("{number:032x}")[32 - IDENTITY..].to_owned();
        let mut head = Vec::with_capacity(HEAD + 12);
        let mut writer = encoder(&mut head, width, height, weight).write_header()?;
        writer.write_chunk(
            png::chunk::tEXt,
            format!("{KEYWORD}\0{identity}").as_bytes(),
        )?;
        drop(writer);
        // The writer ends every file; this one goes on with the shared rest.
        head.truncate(HEAD);
        let rest = Rest::shared(width, height, weight)?;
        Ok(Self {
            identity,
            head: head.into(),
            rest,
        })
    }

    /// What its text chunk says, in 24 hexadecimal digits.
    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// The file, in two pieces.
    pub(crate) fn file(&self) -> [Bytes; 2] {
        [self.head.clone(), self.rest.raw.clone()]
    }

    /// The file in base64, in two pieces.
    pub(crate) fn base64(&self) -> [Bytes; 2] {
        [STANDARD.encode(&self.head).into(), self.rest.base64.clone()]
    }
}

impl Rest {
    /// The rest for this size, made by whoever asks first.
    fn shared(width: u32, height: u32, weight: Weight) -> Result<Arc<Self>, EncodingError> {
        type Made = Arc<Mutex<Option<Arc<Rest>>>>;
        static MADE: Mutex<BTreeMap<(u32, u32, Weight), Made>> = Mutex::new(BTreeMap::new());

        // Both locks recover: whoever panicked while holding one has left nothing half done.
        let made = {
            let mut all = MADE.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry((width, height, weight)).or_default())
        };
        // Others who want the same wait for it here; those who want another do not.
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rest) = &*made {
            return Ok(Arc::clone(rest));
        }
        let rest = Arc::new(Self::make(width, height, weight)?);
        *made = Some(Arc::clone(&rest));
        Ok(rest)
    }

    /// Encodes a picture of this size and keeps what follows its header.
    fn make(width: u32, height: u32, weight: Weight) -> Result<Self, EncodingError> {
        let mut file = Vec::new();
        let mut writer = encoder(&mut file, width, height, weight).write_header()?;
        writer.write_image_data(&pixels(width, height, weight))?;
        writer.finish()?;
        let raw = Bytes::from(file).slice(HEADER..);
        let base64 = STANDARD.encode(&raw).into();
        Ok(Self { raw, base64 })
    }
}

/// One encoder for heads and rests, since a head has to announce what the rest holds.
fn encoder(
    file: &mut Vec<u8>,
    width: u32,
    height: u32,
    weight: Weight,
) -> Encoder<'_, &mut Vec<u8>> {
    let mut encoder = Encoder::new(file, width, height);
    let (color, depth) = match weight {
        Weight::Real => (ColorType::Rgb, BitDepth::Eight),
        Weight::Light | Weight::Tiny => (ColorType::Grayscale, BitDepth::One),
    };
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(Compression::Fastest);
    encoder.set_filter(Filter::NoFilter);
    encoder
}

/// Noise, which no compression makes smaller, up to the weight of a real picture; the rest is black, which the fastest
/// compression knows best.
fn pixels(width: u32, height: u32, weight: Weight) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    match weight {
        Weight::Tiny => vec![0; width.div_ceil(8) * height],
        Weight::Light => {
            let mut pixels = vec![0; width.div_ceil(8) * height];
            let noise = pixels.len().min(LIGHT);
            fastrand::Rng::with_seed(0).fill(&mut pixels[..noise]);
            pixels
        }
        Weight::Real => {
            let mut pixels = vec![0; width * height * 3];
            let noise = match Resolution::of_pixels(width as u32, height as u32) {
                Resolution::K1 => pixels.len() / 4,
                Resolution::K2 => pixels.len() / 6,
                Resolution::K4 => pixels.len() / 8,
            };
            fastrand::Rng::with_seed(0).fill(&mut pixels[..noise]);
            pixels
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(file: &[u8]) -> png::OutputInfo {
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        reader.finish().unwrap();
        frame
    }

    #[test]
    fn pictures_decode_at_their_size_and_weigh_what_real_ones_weigh() {
        for (edge, megabytes) in [(1024, 1.0..2.0), (2048, 3.0..5.0), (4096, 10.0..14.0)] {
            let picture = Picture::new(edge, edge, Weight::Real, 7).unwrap();
            let file = picture.file().concat();
            let frame = decode(&file);
            assert_eq!((frame.width, frame.height), (edge, edge));
            let base64 = picture.base64().concat();
            assert!(
                megabytes.contains(&(base64.len() as f64 / 1e6)),
                "{edge}: {}",
                base64.len()
            );
            assert_eq!(STANDARD.decode(base64).unwrap(), file);
        }
    }

    #[test]
    fn a_tiny_picture_is_still_a_picture() {
        let picture = Picture::new(5504, 3072, Weight::Tiny, 7).unwrap();
        let file = picture.file().concat();
        assert!(file.len() < 100_000, "{}", file.len());
        assert_eq!(decode(&file).width, 5504);
    }

    #[test]
    fn a_light_picture_is_just_heavier_than_what_is_read_ahead() {
        for edge in [1024, 2048, 4096] {
            let picture = Picture::new(edge, edge, Weight::Light, 7).unwrap();
            assert_eq!(decode(&picture.file().concat()).width, edge);
            let base64 = picture.base64().concat().len();
            assert!((150_000..180_000).contains(&base64), "{edge}: {base64}");
        }
    }

    #[test]
    fn each_picture_has_its_own_identity_and_shares_the_rest() {
        let one = Picture::new(300, 200, Weight::Real, 1).unwrap();
        let two = Picture::new(300, 200, Weight::Real, u128::MAX).unwrap();
        assert_eq!(
            identity(&one.file().concat()).as_deref(),
            Some("000000000000000000000001")
        );
        assert_eq!(
            identity(&two.file().concat()).as_deref(),
            Some(two.identity())
        );
        assert_eq!(one.file()[1].as_ptr(), two.file()[1].as_ptr());
        assert_eq!(one.base64()[1].as_ptr(), two.base64()[1].as_ptr());
    }

    #[test]
    fn what_is_no_picture_of_ours_has_no_identity() {
        let file = Picture::new(8, 8, Weight::Tiny, 1).unwrap().file().concat();
        assert_eq!(identity(b"<html>"), None);
        assert_eq!(identity(&file[..40]), None);
    }
}
