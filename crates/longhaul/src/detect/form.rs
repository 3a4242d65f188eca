//! Finds fields in `multipart/form-data` without copying it.
//!
//! A size may stand behind sixteen reference images of 50 MB each, so that no prefix will do; but the body
//! is in memory already, read for replay. It is searched there for its boundary, at memory speed, and
//! nothing is taken out of it but slices. The parsers of multipart that exist (`multer` is the one in
//! common use) read streams and gather them in a buffer of their own, which would hold every image twice.

use std::str;

use httparse::{EMPTY_HEADER, Status};
use memchr::memmem::Finder;

use super::{
    facts::{RequestFacts, RequestValue},
    format::Parameters,
    json::Fields,
};

/// Parts have two headers; more than this are not read.
const MOST_HEADERS: usize = 16;

/// Reads what `fields` find in the parts of `form` into `facts`; `true` if it is one whole, sound form.
///
/// What was found before something unsound stays found.
pub(super) fn read(form: &[u8], boundary: &str, fields: &Fields, facts: &mut RequestFacts) -> bool {
    let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
    let next = Finder::new(&delimiter);
    let Some(mut rest) = form.strip_prefix(&delimiter[2..]) else {
        return false;
    };
    loop {
        if let Some(epilogue) = rest.strip_prefix(b"--") {
            return epilogue.trim_ascii().is_empty();
        }
        let Some(from_part) = rest.strip_prefix(b"\r\n") else {
            return false;
        };
        let Some(end) = next.find(from_part) else {
            return false;
        };
        let Some(part) = Part::read(&from_part[..end]) else {
            return false;
        };
        part.take(fields, facts);
        rest = &from_part[end + delimiter.len()..];
    }
}

/// One part of a form.
struct Part<'f> {
    name: &'f str,
    value: RequestValue<'f>,
}

impl<'f> Part<'f> {
    /// `None` if it has no sound head, or a name that not all servers would read alike.
    fn read(part: &'f [u8]) -> Option<Self> {
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let Ok(Status::Complete((length, headers))) = httparse::parse_headers(part, &mut headers)
        else {
            return None;
        };
        let mut disposition = None;
        let mut is_plain = true;
        for header in headers {
            let value = str::from_utf8(header.value).ok()?;
            if header.name.eq_ignore_ascii_case("content-disposition") {
                if disposition.replace(Disposition::read(value)?).is_some() {
                    return None;
                }
            } else if header
                .name
                .eq_ignore_ascii_case("content-transfer-encoding")
            {
                is_plain &= PLAIN
                    .iter()
                    .any(|plain| plain.eq_ignore_ascii_case(value.trim()));
            }
        }
        let Disposition { name, is_file } = disposition?;
        let value = if is_plain && !is_file {
            str::from_utf8(&part[length..]).map_or(RequestValue::Other, RequestValue::Text)
        } else {
            RequestValue::Other
        };
        Some(Self { name, value })
    }

    fn take(&self, fields: &Fields, facts: &mut RequestFacts) {
        for field in fields.iter() {
            if let Some(spelling) = field.spelling(0, self.name.as_bytes())
                && field.ends_at(1)
            {
                field.take(facts, self.value, spelling);
            }
        }
    }
}

/// Encodings of a part that leave it as it is.
const PLAIN: [&str; 3] = ["7bit", "8bit", "binary"];

/// What a part says that it is.
struct Disposition<'f> {
    name: &'f str,
    is_file: bool,
}

impl<'f> Disposition<'f> {
    fn read(text: &'f str) -> Option<Self> {
        let (kind, parameters) = text.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return None;
        }
        let mut name = None;
        let mut is_file = false;
        for parameter in Parameters(parameters) {
            let (key, value) = parameter?;
            // `filename`, `filename*` and `name*` too: the last is forbidden in forms.
            match key.to_ascii_lowercase().as_str() {
                "name" if name.is_none() && !value.contains('\\') => name = Some(value),
                "name" | "name*" => return None,
                key => is_file |= key.starts_with("filename"),
            }
        }
        Some(Self {
            name: name?,
            is_file,
        })
    }
}
