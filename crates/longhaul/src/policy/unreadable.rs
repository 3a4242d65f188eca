//! What is wrong with a policy file, without the keys that stand in it by mistake.
//!
//! TOML's own error shows the line in which it stands. A key that was written into the wrong place would go into a log by
//! that.

use crate::config::{ConfigError, key_names::looks_like_key};

/// The parser's own words, with its excerpt; of a line that holds a key no excerpt, and none of its texts.
pub(super) fn unreadable(text: &str, error: &toml::de::Error) -> ConfigError {
    let place = error.span().and_then(|span| {
        let number = text.get(..span.start)?.matches('\n').count();
        let line = text.lines().nth(number)?;
        Some((number + 1, line, key_in(line)?))
    });
    let problem = match place {
        Some((number, line, name)) => {
            let message = without_texts_of(line, error.message());
            format!(
                "not a policy file: line {number}, `{name}`, not shown since it may be a key: {message}"
            )
        }
        None => format!("not a policy file:\n{error}"),
    };
    ConfigError::new("policy", problem)
}

/// `message` without what stands in quotes in `line`: it repeats values, not only names.
fn without_texts_of(line: &str, message: &str) -> String {
    // Shorter ones are no secrets, and parts of words.
    const SHORTEST: usize = 4;
    let quoted = |quote| line.split(quote).skip(1).step_by(2);
    let texts = quoted('"').chain(quoted('\''));
    let texts = texts.filter(|text| text.len() >= SHORTEST);
    texts.fold(message.to_owned(), |said, text| said.replace(text, "…"))
}

/// The first name in a line of TOML that looks like that of a key; `key_header` is that of a header.
fn key_in(line: &str) -> Option<&str> {
    let parts = line.split(['{', ',', '[']);
    let mut names = parts.filter_map(|part| Some(part.split_once('=')?.0.trim()));
    names.find(|name| name.rsplit('_').next().is_some_and(looks_like_key))
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    fn refused(text: &str) -> String {
        let error = Policy::from_toml(text).expect_err(text);
        error.to_string()
    }

    #[test]
    fn policy_errors_show_no_key() {
        for text in [
            "[[fallback.targets]]\nname = \"b\"\nkey = \"sk-hunter2\"",
            "[fallback]\ntargets = [{ name = \"b\", key = \"sk-hunter2\" }]",
            "[[fallback.targets]]\nkey = \"sk-hunter2",
            "[[fallback.targets]]\nkey = { token = \"sk-hunter2\" }",
        ] {
            let said = refused(text);
            assert!(!said.contains("hunter2"), "{said}");
            assert!(
                said.contains("line ") && said.contains("`key`, not shown"),
                "{said}"
            );
        }
    }

    #[test]
    fn other_mistakes_are_shown_where_they_stand() {
        let said = refused("[retry]\npaid_attempts = \"three\"");
        assert!(said.contains("paid_attempts = \"three\""), "{said}");
    }
}
