//! Places in JSON documents, found without a copy of what stands there: an answer may hold 40 MB of picture.

use std::{fmt, str::FromStr};

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
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Step {
    Name(String),
    Item(usize),
    Each,
    Where(String, String),
}

/// A text that is no place in a document.
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

impl TryFrom<String> for JsonPath {
    type Error = JsonPathError;

    fn try_from(text: String) -> Result<Self, JsonPathError> {
        text.parse()
    }
}

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
    pub(crate) fn first<'a>(&self, document: &'a RawValue) -> Option<&'a RawValue> {
        self.all(document)
            .into_iter()
            .find(|value| value.get() != "null")
    }

    /// The text there; a number counts as its digits.
    pub(crate) fn text(&self, document: &RawValue) -> Option<String> {
        text(self.first(document)?)
    }

    /// Whether anything that is not empty stands there: a text, an object or an array with something in it.
    pub(crate) fn is_filled(&self, document: &RawValue) -> bool {
        self.all(document).iter().any(|value| is_filled(value))
    }
}

impl Step {
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
pub(crate) fn document(text: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(text).ok()
}

/// A text, or a number's digits.
pub(crate) fn text(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'0'..=b'9' | b'-' => Some(value.get().to_owned()),
        _ => None,
    }
}

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
pub(crate) fn field<'a>(value: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    if !value.get().starts_with('{') {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(value.get());
    reader.deserialize_map(WantedField(name)).ok()?
}

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

/// Whether a key is this one, without keeping it.
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
