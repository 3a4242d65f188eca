//! Places in JSON documents, found without a copy of what stands there: an answer may hold 40 MB of picture.
//!
//! The dialects of tasks name places in answers by text in a table, so a place is parsed once, when the policy is read,
//! and walked for each answer. A tree of the whole document (`serde_json::Value`) would copy the picture once for each
//! poll that finds it. A [`RawValue`] is a slice of the answer, and a reader that skips what it does not look for
//! (`IgnoredAny`) allocates nothing for it. So what is found can be handed on as a slice of the bytes that came: the
//! callers rely on that (`Bytes::slice_ref`), and the test `a_field_is_handed_on_without_a_copy` of the answers keeps
//! it.
//!
//! A document that is broken anywhere is no document: nothing is found in it, even in front of the break. An answer
//! that was cut off must not look like one that is whole.

use std::{fmt, str::FromStr};

use longhaul::body::behind_mark;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A place in a JSON document: `data[0].task_id`, `images[].url`, `output[type=image_generation_call].result`.
///
/// Names stand between dots; after a name `[2]` is an item of an array, `[]` every item, and `[name=word]` every item
/// that has this word under this name.
///
/// ```
/// use longhaul_providers::JsonPath;
///
/// let path: JsonPath = "output[type=image_generation_call].result".parse()?;
/// assert!("output[".parse::<JsonPath>().is_err());
/// # Ok::<(), longhaul_providers::JsonPathError>(())
/// ```
///
/// | written | what it finds |
/// |---|---|
/// | `id` | the value under this name |
/// | `urls.get` | a name within an object under a name |
/// | `data[0]` | the first item of an array; nothing where it is shorter |
/// | `images[].url` | the links of all items, in order |
/// | `output[type=image].result` | of those items whose `type` is the text `image` |
///
/// What is no array counts as a list of one under `[]`, `[0]` and `[name=word]`: relays give one link where their
/// documentation shows a list. `null` is found by no place that asks for one value. A name that holds a dot, a bracket
/// or nothing cannot be written; no API of the shipped table has one.
///
/// A path stands in a policy file as its text, and is written back as that text:
///
/// ```
/// use longhaul_providers::JsonPath;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Row {
///     at: JsonPath,
/// }
/// let row: Row = toml::from_str("at = 'images[].url'")?;
/// assert_eq!(row.at.to_string(), "images[].url");
/// assert!(toml::from_str::<Row>("at = 'images['").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

/// One step from a value to those within it. A path is several of them, each applied to all that the one before has
/// found.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    /// Into an object, by the name of a field.
    Name(String),
    /// Into an array, by the number of an item, from 0.
    Item(usize),
    /// Into an array, to all items.
    Each,
    /// Into an array, to the items that have this text (the second) under this name (the first).
    Where(String, String),
}

/// A text that is no place in a document.
///
/// It says what the text was, and shows the three forms that are understood. Within a policy file the error of the file
/// names the line besides.
///
/// ```
/// use longhaul_providers::JsonPath;
///
/// let error = "data[x]".parse::<JsonPath>().unwrap_err();
/// assert!(error.to_string().starts_with("\"data[x]\" is no place in a document"));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonPathError {
    text: String,
}

impl fmt::Display for JsonPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no place in a document: write `data[0].id`, `images[].url` or `output[type=image].result`",
            self.text
        )
    }
}

impl std::error::Error for JsonPathError {}

/// Refused are an empty name (`a..b`), a bracket that is not closed (`a[`), a bracket without a name before it (`[0]`),
/// and an index that is neither empty, a number nor `name=word`.
///
/// ```
/// use longhaul_providers::JsonPath;
///
/// for odd in ["", "a..b", "[0]", "a[", "a[=b]", "a[0]b"] {
///     assert!(odd.parse::<JsonPath>().is_err(), "{odd}");
/// }
/// assert!("a[0][kind=image].b".parse::<JsonPath>().is_ok(), "brackets may follow each other");
/// ```
impl FromStr for JsonPath {
    type Err = JsonPathError;

    fn from_str(text: &str) -> Result<Self, JsonPathError> {
        let steps = text.split('.').map(steps_of).collect::<Option<Vec<_>>>();
        let refused = || JsonPathError {
            text: text.to_owned(),
        };
        Ok(Self {
            text: text.to_owned(),
            steps: steps.ok_or_else(refused)?.concat(),
        })
    }
}

/// As [`FromStr`]: what `serde` calls when a policy file is read.
impl TryFrom<String> for JsonPath {
    type Error = JsonPathError;

    fn try_from(text: String) -> Result<Self, JsonPathError> {
        text.parse()
    }
}

/// The text that was parsed, unchanged: what `serde` writes into a policy file.
impl From<JsonPath> for String {
    fn from(path: JsonPath) -> Self {
        path.text
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `name`, `name[0]`, `name[]`, `name[key=word]`, and several brackets in a row.
///
/// `None` where the part is not one of these. The name comes first and is needed: a path that begins with a bracket
/// would mean a document that is an array, which no API of the table answers with.
fn steps_of(part: &str) -> Option<Vec<Step>> {
    let (name, mut rest) = match part.find('[') {
        Some(at) => part.split_at(at),
        None => (part, ""),
    };
    let named = !name.is_empty() && !name.contains(']');
    let mut steps = vec![named.then(|| Step::Name(name.to_owned()))?];
    while !rest.is_empty() {
        let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
        steps.push(match (inside, inside.split_once('=')) {
            ("", _) => Step::Each,
            (_, Some((key, word))) if !key.is_empty() && !word.is_empty() => {
                Step::Where(key.to_owned(), word.to_owned())
            }
            _ => Step::Item(inside.parse().ok()?),
        });
        rest = after;
    }
    Some(steps)
}

impl JsonPath {
    /// What stands there, in order; nothing where the document has no such place.
    ///
    /// A step that leads nowhere (no such name, a number past the end, a name within a text) finds nothing and is no
    /// error: providers leave fields out, and a dialect names several places for one thing.
    pub(crate) fn all<'a>(&self, document: &'a RawValue) -> Vec<&'a RawValue> {
        let mut found = vec![document];
        for step in &self.steps {
            found = found
                .into_iter()
                .flat_map(|value| step.within(value))
                .collect();
        }
        found
    }

    /// The first thing that stands there, other than `null`.
    ///
    /// `null` is passed over, because providers write `"error": null` in answers that have no error.
    pub(crate) fn first<'a>(&self, document: &'a RawValue) -> Option<&'a RawValue> {
        self.all(document)
            .into_iter()
            .find(|value| value.get() != "null")
    }

    /// The text there; a number counts as its digits.
    ///
    /// Numbers are read as well as texts since ids, times and statuses come as either. Neither objects nor flags are
    /// texts.
    pub(crate) fn text(&self, document: &RawValue) -> Option<String> {
        text(self.first(document)?)
    }

    /// Whether anything that is not empty stands there: a text, an object or an array with something in it.
    ///
    /// This is how an answer is judged to have a picture in it: `"b64_json": ""` and `"images": []` are answers without
    /// one.
    pub(crate) fn is_filled(&self, document: &RawValue) -> bool {
        self.all(document).iter().any(|value| is_filled(value))
    }
}

impl Step {
    /// What this step finds in one value; a value of another kind than the step asks for has nothing in it.
    fn within<'a>(&self, value: &'a RawValue) -> Vec<&'a RawValue> {
        match self {
            Self::Name(name) => field(value, name).into_iter().collect(),
            Self::Item(index) => items(value).into_iter().skip(*index).take(1).collect(),
            Self::Each => items(value),
            Self::Where(name, word) => {
                let fits = |item: &&RawValue| {
                    field(item, name).and_then(text).as_deref() == Some(word.as_str())
                };
                items(value).into_iter().filter(fits).collect()
            }
        }
    }
}

/// The whole document, if it is one.
///
/// Bytes behind the document, other than blanks, make it none: two answers on one connection that ran together must not
/// be read as the first. A byte order mark before it is no part of it.
pub(crate) fn document(text: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(behind_mark(text)).ok()
}

/// A text, or a number's digits.
///
/// The escapes of a text are resolved, so this copies: it is for ids, states and links, and never asked of a picture.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'0'..=b'9' | b'-' => Some(value.get().to_owned()),
        _ => None,
    }
}

/// Whether a value holds anything. Numbers and `true` count as filled; an object or an array counts where it has at
/// least one member.
fn is_filled(value: &RawValue) -> bool {
    let text = value.get();
    !matches!(text, "null" | "\"\"" | "false") && {
        let inside = text.trim_start_matches(['{', '[']).trim_start();
        !matches!(inside.as_bytes().first(), None | Some(b'}' | b']'))
    }
}

/// The items of an array; of anything else, itself: relays give one link where they mean a list.
fn items(value: &RawValue) -> Vec<&RawValue> {
    if value.get().starts_with('[') {
        serde_json::from_str(value.get()).unwrap_or_default()
    } else {
        vec![value]
    }
}

/// What an object has under a name.
///
/// Where a name stands twice the last one counts, as with JavaScript's and Python's readers: whoever asked the provider
/// with those sees the same value.
pub(crate) fn field<'a>(value: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    if !value.get().starts_with('{') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(value.get());
    reader.deserialize_map(WantedField(name)).ok()?
}

/// Reads one field of an object and skips the others without keeping them.
struct WantedField<'n>(&'n str);

impl<'de> Visitor<'de> for WantedField<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Is(self.0))? {
            if is_it {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares one key with the name that is looked for, and keeps neither.
struct Is<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{
        "id": "t1", "number": 7, "nothing": null, "data": [{ "task_id": "x" }, { "task_id": "y" }],
        "urls": { "get": "/t1" }, "one": "a", "output": [
            { "type": "reasoning", "result": "no" }, { "type": "image", "result": "abc" }, { "type": "image" }
        ]
    }"#;

    fn found(path: &str) -> Vec<String> {
        let document = document(DOCUMENT.as_bytes()).unwrap();
        let path: JsonPath = path.parse().unwrap();
        let all = path.all(document).into_iter();
        all.map(|value| value.get().to_owned()).collect()
    }

    #[test]
    fn places_are_found_by_name_number_and_word() {
        assert_eq!(found("id"), ["\"t1\""]);
        assert_eq!(found("data[1].task_id"), ["\"y\""]);
        assert_eq!(found("data[].task_id"), ["\"x\"", "\"y\""]);
        assert_eq!(found("output[type=image].result"), ["\"abc\""]);
        assert_eq!(found("one[]"), ["\"a\""], "one is as good as a list of one");
        for missing in ["no", "id.no", "data[7]", "output[type=video]"] {
            assert_eq!(found(missing), [""; 0], "{missing}");
        }
    }

    #[test]
    fn texts_and_numbers_are_read_and_null_is_nothing() {
        let document = document(DOCUMENT.as_bytes()).unwrap();
        let text = |path: &str| path.parse::<JsonPath>().unwrap().text(document);
        assert_eq!(text("urls.get").as_deref(), Some("/t1"));
        assert_eq!(text("number").as_deref(), Some("7"));
        assert_eq!(text("nothing"), None);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_document() {
        for text in ["\u{feff}{\"id\": 1}", "\r\n\u{feff} {\"id\": 1}\n"] {
            let found = document(text.as_bytes()).map(RawValue::get);
            assert_eq!(found, Some("{\"id\": 1}"), "{text:?}");
        }
        assert!(document("\u{feff}".as_bytes()).is_none());
        assert!(document("{\"id\": \u{feff}1}".as_bytes()).is_none());
    }

    #[test]
    fn only_what_has_something_in_it_is_filled() {
        let text = r#"{ "a": "", "b": [ ], "c": {}, "d": [1], "e": "x", "f": null }"#;
        let document = document(text.as_bytes()).unwrap();
        let filled = |path: &str| path.parse::<JsonPath>().unwrap().is_filled(document);
        assert_eq!(["a", "b", "c", "f", "g"].map(filled), [false; 5]);
        assert_eq!(["d", "e"].map(filled), [true; 2]);
    }

    #[test]
    fn what_is_no_place_is_refused_with_an_example() {
        for bad in ["", "a..b", "a[", "a[x]", "a]b", "[0]", "a[=b]", "a[0]b"] {
            let error = bad.parse::<JsonPath>().unwrap_err().to_string();
            assert!(error.contains("images[].url"), "{bad}: {error}");
        }
    }
}
