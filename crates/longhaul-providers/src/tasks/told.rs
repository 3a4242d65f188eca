//! What the answer to a poll says of its task.
//!
//! The one rule is that a poll which fails says nothing of its task. A page of a proxy, a limit, a broken body and an
//! unknown word all mean “ask again”; only a word that the dialect knows as an end is one. The cost of the rule is
//! patience up to the deadline, the cost of any other would be a paid picture thrown away. The test
//! `only_a_known_end_is_an_end` keeps it.

use bytes::Bytes;
use http::StatusCode;

use super::dialect::Dialect;
use crate::json;

/// What the answer to a poll says of the task.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// The task has not ended.
    Running {
        state: String,
        /// Whether the dialect lists that state.
        known: bool,
    },
    /// The result is there, or in this answer.
    Done,
    /// Ended with a failure, which this answer tells.
    Failed,
    /// Ended by somebody's cancellation.
    Cancelled,
    /// Ended early, and the answer says why.
    CutShort,
    /// The provider knows no such task.
    Unknown,
    /// The provider does not let this key ask.
    Unauthorized,
    /// Nothing: the poll failed, not the task.
    Nothing,
}

/// Reads the answer to a poll.
///
/// A 400 is not an end, whatever its body says: it may be about the poll.
pub(super) fn told(dialect: &Dialect, status: StatusCode, body: &Bytes) -> Told {
    match status.as_u16() {
        200..=299 => state(dialect, body),
        401 | 403 => Told::Unauthorized,
        404 | 410 => Told::Unknown,
        _ => Told::Nothing,
    }
}

/// Reads the answer at the result's own URL. A failed task tells its failure there, as a status.
///
/// 202 means that it is not there yet. A 500 with a code that the dialect reads is the task's failure; without one it
/// is a page.
pub(super) fn result_told(dialect: &Dialect, status: StatusCode, body: &Bytes) -> Told {
    match status.as_u16() {
        202 => Told::Running {
            state: String::new(),
            known: true,
        },
        // Broken off without a word.
        200..=299 if json::document(body).is_none() => Told::Nothing,
        200..=299 => Told::Done,
        401 | 403 => Told::Unauthorized,
        404 | 410 => Told::Unknown,
        // The task failed, whatever the words; a page or a limit says nothing of it.
        400 | 413 | 415 | 422 => Told::Failed,
        _ if says_why(dialect, body) => Told::Failed,
        _ => Told::Nothing,
    }
}

/// Whether an answer names the reason of a failure.
fn says_why(dialect: &Dialect, body: &Bytes) -> bool {
    json::document(body).is_some_and(|document| {
        let mut codes = dialect.failure.code.iter();
        codes.any(|code| code.text(document).is_some())
    })
}

/// What the word under `task.state` means. Case counts: `Completed` is not `completed`, until the row says so.
fn state(dialect: &Dialect, body: &Bytes) -> Told {
    let task = &dialect.task;
    let Some(document) = json::document(body) else {
        return Told::Nothing;
    };
    let Some(state) = task.state.text(document) else {
        return Told::Nothing;
    };
    let sets = [
        (&task.succeeded, Told::Done),
        (&task.failed, Told::Failed),
        (&task.cancelled, Told::Cancelled),
        (&task.cut_short, Told::CutShort),
        (&task.unknown, Told::Unknown),
    ];
    for (states, told) in sets {
        if states.contains(&state) {
            return told;
        }
    }
    let known = task.running.contains(&state);
    Told::Running { state, known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_end_is_an_end() {
        let dialect = &Dialect::shipped()[0];
        let told = |status: u16, body: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            told(dialect, status, &Bytes::from_static(body.as_bytes()))
        };
        let running = |state: &str, known| Told::Running {
            state: state.to_owned(),
            known,
        };
        assert_eq!(told(200, r#"{"status":"queued"}"#), running("queued", true));
        assert_eq!(
            told(200, r#"{"status":"warming_up"}"#),
            running("warming_up", false)
        );
        assert_eq!(
            told(200, r#"{"status":"Completed"}"#),
            running("Completed", false)
        );
        assert_eq!(told(200, r#"{"status":"completed"}"#), Told::Done);
        assert_eq!(told(200, r#"{"status":"failed"}"#), Told::Failed);
        assert_eq!(told(200, r#"{"status":"cancelled"}"#), Told::Cancelled);
        assert_eq!(told(200, r#"{"status":"incomplete"}"#), Told::CutShort);
        for (status, body) in [
            (200, "<html>"),
            (200, r#"{"status":"completed""#),
            (200, r#"{"id":"x"}"#),
            (200, ""),
            (429, "{}"),
            (503, r#"{"status":"completed"}"#),
            (307, ""),
            (400, r#"{"status":"failed"}"#),
        ] {
            assert_eq!(told(status, body), Told::Nothing, "{status} {body}");
        }
        assert_eq!(
            (told(404, ""), told(410, "")),
            (Told::Unknown, Told::Unknown)
        );
        assert_eq!(
            (told(401, ""), told(403, "")),
            (Told::Unauthorized, Told::Unauthorized)
        );
    }
}
