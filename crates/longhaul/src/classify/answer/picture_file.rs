//! The end of a picture file, by its own format.
//!
//! An answer may be the picture itself. On HTTP/1.0 and in answers without a length, a broken connection looks like an end;
//! the file's own format tells the two apart. It judges a break only, and never ends the reading: JPEGs may go on after their
//! end.

use memchr::memchr;
use smallvec::SmallVec;

/// Every format that is known here shows itself, and WebP its length, in so many bytes.
const SIGNATURE: usize = 12;

/// Follows a picture file in pieces of any size, and knows whether its own end was seen.
///
/// PNG by its chunks, JPEG by its segments (the thumbnail in its header has an end of its own), WebP by its length, GIF by
/// its last two bytes. Of other formats, and of files that do not keep to theirs, nothing is known.
#[derive(Debug, Default)]
pub(super) struct PictureFile {
    format: FileFormat,
    /// The part of a header that is here.
    header: SmallVec<[u8; SIGNATURE]>,
    /// So many bytes until the next header.
    skip: u64,
    /// What is skipped is the last of it.
    last: bool,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum FileFormat {
    /// Too little of it is here.
    #[default]
    Open,
    Png,
    /// Between the segments of its header.
    JpegSegments,
    /// In the picture's data, where only `FF` means anything.
    JpegData,
    Gif,
    WebP,
    Unknown,
}

impl PictureFile {
    pub(super) fn data(&mut self, mut data: &[u8]) {
        while !(data.is_empty() || self.ended && self.format != FileFormat::Gif) {
            if self.skip > 0 {
                let skipped = data
                    .len()
                    .min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.skip -= skipped as u64;
                self.ended = self.last && self.skip == 0;
                data = &data[skipped..];
                continue;
            }
            match self.format {
                FileFormat::Unknown => return,
                FileFormat::Gif => return self.gif(data),
                FileFormat::JpegData if self.header.is_empty() => {
                    let Some(at) = memchr(0xff, data) else { return };
                    self.header.push(0xff);
                    data = &data[at + 1..];
                }
                _ => {
                    self.header.push(data[0]);
                    data = &data[1..];
                    self.header();
                }
            }
        }
    }

    /// Whether it shows itself to be a picture.
    pub(super) fn is_picture(&self) -> bool {
        !matches!(self.format, FileFormat::Open | FileFormat::Unknown)
    }

    /// Whether its end was seen; `None` where its format does not tell.
    pub(super) fn is_ended(&self) -> Option<bool> {
        self.is_picture().then_some(self.ended)
    }

    /// A byte of a header came.
    fn header(&mut self) {
        match (self.format, &self.header[..]) {
            (FileFormat::Open, header) if header.len() == SIGNATURE => self.begin(),
            // The length of what is in a chunk, and its name; a checksum follows.
            (FileFormat::Png, &[a, b, c, d, ref name @ ..]) if name.len() == 4 => {
                self.skip = u64::from(u32::from_be_bytes([a, b, c, d])) + 4;
                self.last = name == b"IEND";
                self.header.clear();
            }
            // Filled up, as is allowed before any marker.
            (FileFormat::JpegSegments | FileFormat::JpegData, [0xff, 0xff]) => {
                self.header.pop();
            }
            (FileFormat::JpegSegments | FileFormat::JpegData, [0xff, 0xd9]) => self.ended = true,
            (FileFormat::JpegData, [0xff, 0x00 | 0xd0..=0xd7]) => self.header.clear(),
            (FileFormat::JpegData, [0xff, _]) => self.format = FileFormat::JpegSegments,
            (FileFormat::JpegSegments, [0xff, 0x01 | 0xd0..=0xd8]) => self.header.clear(),
            (FileFormat::JpegSegments, &[0xff, marker, high, low]) => {
                self.skip = u64::from(u16::from_be_bytes([high, low])).saturating_sub(2);
                if marker == 0xda {
                    self.format = FileFormat::JpegData;
                }
                self.header.clear();
            }
            (FileFormat::JpegSegments, [0xff, ..]) => {}
            (FileFormat::JpegSegments, _) => self.format = FileFormat::Unknown,
            _ => {}
        }
    }

    /// The beginning is here; what of it belongs to a first header is read again.
    fn begin(&mut self) {
        let begun = std::mem::take(&mut self.header);
        let rest = match &begun[..] {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', rest @ ..] => {
                self.format = FileFormat::Png;
                rest
            }
            [0xff, 0xd8, rest @ ..] if rest[0] == 0xff => {
                self.format = FileFormat::JpegSegments;
                rest
            }
            [b'G', b'I', b'F', b'8', rest @ ..] => {
                self.format = FileFormat::Gif;
                rest
            }
            &[b'R', b'I', b'F', b'F', a, b, c, d, b'W', b'E', b'B', b'P'] => {
                self.format = FileFormat::WebP;
                // The length counts the last four of these, too.
                self.skip = u64::from(u32::from_le_bytes([a, b, c, d])).saturating_sub(4);
                self.last = true;
                &[]
            }
            _ => {
                self.format = FileFormat::Unknown;
                &[]
            }
        };
        self.data(rest);
    }

    /// An empty block, then the trailer.
    fn gif(&mut self, data: &[u8]) {
        let from = data.len().saturating_sub(2);
        self.header.extend_from_slice(&data[from..]);
        let from = self.header.len().saturating_sub(2);
        self.header.drain(..from);
        self.ended = self.header[..] == [0x00, 0x3b];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png() -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend([7; 13 + 4]);
        png.extend(b"\0\0\0\x05IDATIEND\xae....");
        png.extend(b"\0\0\0\0IEND\xae\x42\x60\x82");
        png
    }

    /// With a thumbnail in its header, which has an end of its own.
    fn jpeg() -> Vec<u8> {
        let thumbnail = b"\xff\xd8\xff\xdb\0\x02\xff\xd9";
        let mut jpeg = b"\xff\xd8\xff\xe1\0\x0a".to_vec();
        jpeg.extend(thumbnail);
        jpeg.extend(b"\xff\xff\xdb\0\x04ab\xff\xda\0\x03x");
        jpeg.extend(b"data\xff\x00\xff\xd0more\xff\xda\0\x02and\xff\xd9");
        jpeg
    }

    fn webp() -> Vec<u8> {
        let mut webp = b"RIFF\x10\0\0\0WEBP".to_vec();
        webp.extend([1; 12]);
        webp
    }

    fn gif() -> Vec<u8> {
        b"GIF89a\x3b\0\x01\0\0\x3b,\x00\x3b".to_vec()
    }

    fn ended(file: &[u8], step: usize) -> Option<bool> {
        let mut picture = PictureFile::default();
        for piece in file.chunks(step) {
            picture.data(piece);
        }
        picture.is_ended()
    }

    #[test]
    fn a_file_has_ended_whole_and_never_when_cut() {
        for file in [png(), jpeg(), webp(), gif()] {
            for step in [1, 2, 5, 1000] {
                assert_eq!(ended(&file, step), Some(true), "{file:x?}, {step}");
                for cut in SIGNATURE..file.len() {
                    // A trailer in the middle of a GIF cannot be told from its last.
                    if !file.starts_with(b"GIF") {
                        assert_eq!(ended(&file[..cut], step), Some(false), "{file:x?}, {cut}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_follows_the_end_changes_nothing() {
        for mut file in [png(), jpeg(), webp()] {
            file.extend(b"and a film of two seconds\xff\xd8");
            assert_eq!(ended(&file, 7), Some(true));
        }
    }

    #[test]
    fn nothing_is_known_of_other_files_and_short_ones() {
        for file in [
            &b"<html><body>no</body></html>"[..],
            b"\x89PNG",
            b"",
            b"\xff\xd8\xff\xe1\0\x02no marker",
        ] {
            assert_eq!(ended(file, 3), None, "{file:x?}");
        }
    }
}
