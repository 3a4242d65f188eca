//! How a request's body is written down, by its headers.

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

/// What the headers say of the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BodyFormat<'h> {
    /// JSON as it stands. No content type is no objection.
    Json,
    /// `multipart/form-data`, its parts divided by this boundary.
    Form(&'h str),
    /// Compressed, or something that is not read here.
    Opaque,
}

/// The longest boundary that the standard of MIME allows.
const LONGEST_BOUNDARY: usize = 70;

impl<'h> BodyFormat<'h> {
    pub(super) fn of(headers: &'h HeaderMap) -> Self {
        let is_encoded = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        if is_encoded {
            return Self::Opaque;
        }
        let mut named = headers
            .get_all(CONTENT_TYPE)
            .iter()
            .map(Self::of_media_type);
        let first = named.next().unwrap_or(Self::Json);
        if named.all(|other| other == first) {
            first
        } else {
            Self::Opaque
        }
    }

    /// `application/json; charset=utf-8`, `application/vnd.example+json`, `multipart/form-data; boundary=x`.
    fn of_media_type(value: &'h HeaderValue) -> Self {
        // Nearly always.
        if value == "application/json" {
            return Self::Json;
        }
        let Ok(value) = value.to_str() else {
            return Self::Opaque;
        };
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let Some((kind, subtype)) = essence.trim().split_once('/') else {
            return Self::Opaque;
        };
        let format = subtype.rsplit('+').next().unwrap_or_default();
        if format.eq_ignore_ascii_case("json") {
            return Self::Json;
        }
        let is_form =
            kind.eq_ignore_ascii_case("multipart") && subtype.eq_ignore_ascii_case("form-data");
        let boundary = is_form.then(|| parameter(parameters, "boundary")).flatten();
        match boundary {
            Some(boundary) if (1..=LONGEST_BOUNDARY).contains(&boundary.len()) => {
                Self::Form(boundary)
            }
            _ => Self::Opaque,
        }
    }
}

/// The one parameter of this name; `None` if there is none, more than one, or anything unsound.
fn parameter<'p>(text: &'p str, name: &str) -> Option<&'p str> {
    let mut found = None;
    for parameter in Parameters(text) {
        let (key, value) = parameter?;
        if key.eq_ignore_ascii_case(name) && found.replace(value).is_some() {
            return None;
        }
    }
    found
}

/// The parameters of a header's value: `; name="size"; filename=x`. An unsound one is `None`, and the last.
pub(super) struct Parameters<'p>(pub(super) &'p str);

impl<'p> Iterator for Parameters<'p> {
    type Item = Option<(&'p str, &'p str)>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self
            .0
            .trim_start_matches(|c: char| c == ';' || c.is_ascii_whitespace());
        self.0 = "";
        if text.is_empty() {
            return None;
        }
        Some(split_off_parameter(text).map(|(name, value, rest)| {
            self.0 = rest;
            (name, value)
        }))
    }
}

/// Name and value of the first parameter, and what follows it.
fn split_off_parameter(text: &str) -> Option<(&str, &str, &str)> {
    let (name, text) = text.split_once('=')?;
    let text = text.trim_start();
    let (value, rest) = match text.strip_prefix('"') {
        Some(quoted) => {
            let (value, rest) = quoted.split_once('"')?;
            let ends = matches!(rest.trim_start().as_bytes().first(), None | Some(b';'));
            // Some readers take `\"` for a quotation mark in the value, others for its end.
            (ends && !value.ends_with('\\')).then_some((value, rest))?
        }
        None => text.split_once(';').unwrap_or((text, "")),
    };
    Some((name.trim(), value.trim_end(), rest))
}
