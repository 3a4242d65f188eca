//! How the idempotency key is written, by host.

use bytes::Bytes;
use http::{HeaderValue, Uri};

use crate::{
    attempt::OperationId,
    config::{ConfigError, hosts},
};

/// How a host wants the idempotency key.
///
/// A key that a host cannot read is no key: sent again, the request is then charged again. Where a host reads none, nothing is lost
/// by [`None`](Self::None) but the name by which support would find the call.
///
/// ```
/// use longhaul::{policy::Policy, retry::{KeyForm, KeyRow}};
///
/// let mut policy = Policy::nano_banana_pro();
/// policy.retry.keys = vec![
///     KeyRow::new("api.strict.example.com", KeyForm::Quoted),
///     KeyRow::new("*", KeyForm::Bare), // rows after this one are never reached
/// ];
/// policy.validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum KeyForm {
    /// Not at all. A key that the caller has set is sent all the same.
    None,
    /// As it is: `0198c5a2-…`. Stripe's way, and most providers'.
    #[default]
    Bare,
    /// As a structured-field string (RFC 9651, the IETF draft's way): `"0198c5a2-…"`.
    Quoted,
}

/// Which hosts want the key how.
///
/// ```
/// use longhaul::{policy::Policy, retry::{KeyForm, KeyRow}};
///
/// // This relay refuses headers that it does not know.
/// let mut policy = Policy::nano_banana_pro();
/// policy.retry.keys = vec![KeyRow::new("*.relay.example.com", KeyForm::None)];
/// ```
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// A host by name, or `*.` and a suffix for all below it, or `*` for every host.
    ///
    /// Without scheme, port or path.
    pub host: String,
    /// How it wants the key.
    pub form: KeyForm,
}

impl KeyRow {
    /// `host` wants the key in this form.
    pub fn new(host: impl Into<String>, form: KeyForm) -> Self {
        Self {
            host: host.into(),
            form,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.host == "*" || hosts::is_name(&self.host) {
            return Ok(());
        }
        Err(ConfigError::new(
            "host",
            format!(
                "{:?} is not a host: write `api.example.com`, `*.example.com` or `*`",
                self.host
            ),
        ))
    }
}

impl KeyForm {
    /// The form of the first row that names the host; bare where none does.
    pub(super) fn of(rows: &[KeyRow], uri: &Uri) -> Self {
        let is_of = |row: &&KeyRow| {
            row.host == "*" || hosts::matches(&row.host, uri.host().unwrap_or_default())
        };
        rows.iter()
            .find(is_of)
            .map_or_else(Self::default, |row| row.form)
    }

    /// The key of an operation, written so.
    pub(super) fn write(self, id: OperationId) -> Option<HeaderValue> {
        let text = match self {
            Self::None => return None,
            // Shared by all that hold the key: one allocation, and none for their clones.
            Self::Bare => Bytes::from_owner(id.to_text()),
            Self::Quoted => Bytes::from_owner(quoted(&id.to_string())?),
        };
        HeaderValue::from_maybe_shared(text).ok()
    }
}

/// The structured-field string (RFC 9651, 4.1.6) of `text`; `None` where it has characters that such a
/// string cannot.
fn quoted(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    let escaped = text.replace('\\', r"\\").replace('"', r#"\""#);
    Some(format!("\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the HTTP working group's structured-field tests (`string.json` and the generated strings):
    /// the value and its one canonical form. Their rows of malformed input test a parser, which is not here.
    #[test]
    fn the_structured_field_strings() {
        for (text, canonical) in [
            ("foo", Some(r#""foo""#)),
            (r#"foo "bar""#, Some(r#""foo \"bar\"""#)),
            ("", Some(r#""""#)),
            (r"a\b", Some(r#""a\\b""#)),
            ("   ", Some(r#""   ""#)),
            (" ", Some(r#"" ""#)),
            ("!~", Some(r#""!~""#)),
            ("'foo'", Some(r#""'foo'""#)),
            ("füü", None),
        ] {
            assert_eq!(quoted(text).as_deref(), canonical, "{text}");
        }
        for code in 0..=0xff_u32 {
            let character = char::from_u32(code).unwrap();
            let allowed = (0x20..0x7f).contains(&code);
            assert_eq!(quoted(&character.to_string()).is_some(), allowed, "{code}");
        }
    }

    #[test]
    fn the_first_row_that_names_the_host_counts() {
        let rows = [
            KeyRow::new("api.example.com", KeyForm::Quoted),
            KeyRow::new("*.example.com", KeyForm::None),
            KeyRow::new("*.quoted.example", KeyForm::Quoted),
        ];
        for (uri, form) in [
            ("https://api.example.com/v1", KeyForm::Quoted),
            ("https://img.Example.com/v1", KeyForm::None),
            ("https://elsewhere.example/v1", KeyForm::Bare),
            ("/only/a/path", KeyForm::Bare),
        ] {
            assert_eq!(KeyForm::of(&rows, &uri.parse().unwrap()), form, "{uri}");
        }
        let all = [KeyRow::new("*", KeyForm::None)];
        assert_eq!(KeyForm::of(&all, &"/x".parse().unwrap()), KeyForm::None);
    }

    #[test]
    fn a_key_is_the_operations_id() {
        let id = OperationId::new();
        assert_eq!(KeyForm::None.write(id), None);
        assert_eq!(KeyForm::Bare.write(id).unwrap(), id.to_string());
        assert_eq!(KeyForm::Quoted.write(id).unwrap(), format!("\"{id}\""));
    }
}
