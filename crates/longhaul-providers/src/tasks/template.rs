//! Paths with places to fill in.
//!
//! A small language of four names, and not a library's, because it has to be refused when the policy is read: a path
//! that is filled in wrongly would send a key somewhere at the first call. Only paths can be written. Host and scheme
//! come from the submit, and a query has no place.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A path such as `{submit}/{id}`. Known are `{path}`, the caller's; `{prefix}`, what stands before the part of it that the
/// row names; `{submit}`, the submit's; and `{id}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Template(String);

/// The four texts that a template may name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Values<'a> {
    /// The caller's path.
    pub(super) path: &'a str,
    /// What stands before the end of it that the dialect names.
    pub(super) prefix: &'a str,
    /// The path of the submit.
    pub(super) submit: &'a str,
    /// The task's id, percent-encoded as one segment of a path.
    pub(super) id: &'a str,
}

/// In the order of the fields of [`Values`].
const KNOWN: [&str; 4] = ["{path}", "{prefix}", "{submit}", "{id}"];

impl Template {
    /// Whether the path is that of one task: a poll needs that, and a list must not have it.
    pub(super) fn names_id(&self) -> bool {
        self.0.contains("{id}")
    }

    /// The path with all places filled in.
    pub(super) fn filled(&self, values: Values<'_>) -> String {
        let with = [values.path, values.prefix, values.submit, values.id];
        let pairs = KNOWN.iter().zip(with);
        // An id has no brackets, and paths were paths before.
        pairs.fold(self.0.clone(), |text, (name, value)| {
            text.replace(name, value)
        })
    }
}

/// Not a path, or one with a place that nobody knows how to fill in.
///
/// The policy's error names the key that it stands under.
#[derive(Debug)]
pub(super) struct TemplateError(String);

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no path: it begins with `/` or a place, and the places are {}",
            self.0,
            KNOWN.join(", ")
        )
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let plain = KNOWN
            .iter()
            .fold(text.to_owned(), |text, name| text.replace(name, ""));
        let begins = text.starts_with('/')
            || ["{path}", "{prefix}", "{submit}"]
                .iter()
                .any(|name| text.starts_with(name));
        let odd = |byte: u8| !byte.is_ascii_graphic() || b"{}?#\"<>\\".contains(&byte);
        if begins && !text.starts_with("//") && !plain.bytes().any(odd) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TemplateError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in() {
        let values = Values {
            path: "/v1/images/generations",
            prefix: "/v1",
            submit: "/v1/responses",
            id: "t1",
        };
        for (text, filled) in [
            ("{submit}/{id}", "/v1/responses/t1"),
            ("{prefix}/images/tasks/{id}", "/v1/images/tasks/t1"),
            ("{path}/async", "/v1/images/generations/async"),
        ] {
            assert_eq!(text.parse::<Template>().unwrap().filled(values), filled);
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_the_places_known() {
        for bad in [
            "x",
            "//evil.test/{id}",
            "{id}/x",
            "/a?key={id}",
            "/{name}",
            "/a b",
            "https://x/{id}",
        ] {
            let error = bad.parse::<Template>().unwrap_err().to_string();
            assert!(error.contains("{submit}"), "{bad}: {error}");
        }
    }
}
