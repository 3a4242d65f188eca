//! How one API takes a task: a row of the table.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use longhaul::ConfigError;
use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::{
    JsonPath,
    exchange::{Scalar, is_host},
};

/// How one API takes a task, is asked after it, and gives its picture.
///
/// The rows that come with the crate are [`shipped`](Self::shipped); one's own stand in
/// [`TasksPolicy::dialects`](super::TasksPolicy::dialects), in the same form.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    pub(super) name: String,
    #[serde(default)]
    pub(super) source: String,
    pub(super) call: CallRow,
    #[serde(default)]
    pub(super) submit: SubmitRow,
    pub(super) task: TaskRow,
    pub(super) result: ResultRow,
    #[serde(default)]
    pub(super) failure: FailureRow,
    #[serde(default)]
    pub(super) cancel: Option<CancelRow>,
}

/// Which of the caller's calls have a form as a task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallRow {
    /// What the path of a `POST` ends with; `*` is any.
    pub(super) path: String,
    /// Fields that say that the caller has something else in mind.
    #[serde(default)]
    pub(super) never_with: Vec<String>,
    /// Fields with a value that rules tasks out.
    #[serde(default)]
    pub(super) never_where: BTreeMap<String, Scalar>,
    /// Only what is known to ask for pictures.
    #[serde(default)]
    pub(super) pictures_only: bool,
    /// Only with `Prefer: wait`: without, the caller does the polling.
    #[serde(default)]
    pub(super) prefer_wait: bool,
}

/// What is changed of the caller's request.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitRow {
    /// Another host, which gets the caller's key.
    #[serde(default)]
    pub(super) host: Option<String>,
    #[serde(default)]
    pub(super) path: Option<Template>,
    #[serde(default)]
    pub(super) set: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(super) drop_headers: Vec<String>,
    /// Sent again under the same idempotency key where its answer was lost, because the provider takes it once.
    #[serde(default)]
    pub(super) idempotent: bool,
}

/// The task, and how it is asked after.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskRow {
    pub(super) id: JsonPath,
    /// Where the submit's answer tells the poll URL.
    #[serde(default)]
    pub(super) poll_at: Option<JsonPath>,
    /// Where it is by rule.
    #[serde(default)]
    pub(super) poll: Option<Template>,
    /// Hosts besides the submit's that polls may go to, with the key.
    #[serde(default)]
    pub(super) key_hosts: Vec<String>,
    pub(super) state: JsonPath,
    pub(super) running: Vec<String>,
    pub(super) succeeded: Vec<String>,
    #[serde(default)]
    pub(super) failed: Vec<String>,
    /// Ended by somebody; not by us.
    #[serde(default)]
    pub(super) cancelled: Vec<String>,
    /// Ended early, for a reason.
    #[serde(default)]
    pub(super) cut_short: Vec<String>,
    /// The provider's words for a task that it does not know.
    #[serde(default)]
    pub(super) unknown: Vec<String>,
    /// The least wait between two polls.
    #[serde(with = "humantime_serde")]
    pub(super) wait: Duration,
    /// How long a result is kept.
    #[serde(default, with = "humantime_serde")]
    pub(super) kept: Option<Duration>,
    /// Where the submit's answer says until when, in seconds since 1970.
    #[serde(default)]
    pub(super) expires: Option<JsonPath>,
}

/// Where the unary answer is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultRow {
    pub(super) from: From,
    #[serde(default)]
    pub(super) at: Option<JsonPath>,
    /// Where in the unary answer pictures are.
    pub(super) pictures: Vec<JsonPath>,
}

/// In which way it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum From {
    /// The poll's answer is it.
    Answer,
    /// It is a field of that.
    Field,
    /// It is behind an URL in that, at the submit's own origin.
    Fetched,
    /// There are links, of which an answer of the images API is made.
    Links,
}

/// What a failed task says.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureRow {
    /// Where the status stands that the unary call would have had.
    #[serde(default)]
    pub(super) status: Option<JsonPath>,
    /// Where the error object is.
    #[serde(default)]
    pub(super) error: Option<JsonPath>,
    /// Where a word says why.
    #[serde(default)]
    pub(super) code: Vec<JsonPath>,
    /// What a failed task costs, in thousandths of the price, where the provider says so.
    #[serde(default)]
    pub(super) costs: Option<u16>,
}

/// How a task is taken back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelRow {
    pub(super) method: String,
    #[serde(default)]
    pub(super) at: Option<JsonPath>,
    #[serde(default)]
    pub(super) path: Option<Template>,
    /// The states in which that is free of charge.
    #[serde(default)]
    pub(super) free_in: Vec<String>,
}

static SHIPPED: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    #[derive(Deserialize)]
    struct Table {
        dialect: Vec<Dialect>,
    }
    let table: Table = toml::from_str(include_str!("dialects.toml")).expect("the table is tested");
    table.dialect
});

impl Dialect {
    /// The rows that come with the crate: `openai-responses`, `sub2api`, `fal` and `replicate`.
    pub fn shipped() -> &'static [Self] {
        &SHIPPED
    }

    /// The name by which a policy names it for a host, and a handle its dialect.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the row is from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Refuses a row that cannot work, naming the key.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |field: &str, message: &str| Err(ConfigError::new(field, message));
        if self.name.is_empty() {
            return refuse("name", "a dialect needs a name");
        }
        if self.call.path != "*" && !self.call.path.starts_with('/') {
            return refuse(
                "call.path",
                "the end of a path begins with `/`; `*` is any path",
            );
        }
        if self.task.poll_at.is_none() && self.task.poll.is_none() {
            return refuse(
                "task.poll",
                "where a task is polled: `poll`, `poll_at`, or both",
            );
        }
        if let Some(poll) = &self.task.poll
            && !poll.names_id()
        {
            return refuse("task.poll", "the path needs `{id}`");
        }
        self.validate_states()?;
        if self.task.wait.is_zero() {
            return refuse(
                "task.wait",
                "polls without a wait between them are an attack",
            );
        }
        if self.result.pictures.is_empty() {
            return refuse(
                "result.pictures",
                "name the places where a picture is found",
            );
        }
        if self.result.from != From::Answer && self.result.at.is_none() {
            return refuse("result.at", "name the place");
        }
        if self.failure.costs.is_some_and(|costs| costs > 1000) {
            return refuse("failure.costs", "thousandths of the price: 0 to 1000");
        }
        for (field, hosts) in [
            ("submit.host", self.submit.host.as_slice()),
            ("task.key_hosts", &self.task.key_hosts),
        ] {
            if hosts.iter().any(|host| !is_host(host)) {
                return refuse(
                    field,
                    "a host by its name alone, such as `queue.example.com`",
                );
            }
        }
        for name in &self.submit.drop_headers {
            if name.parse::<http::HeaderName>().is_err() {
                return refuse("submit.drop_headers", "not the name of a header");
            }
        }
        let Some(cancel) = &self.cancel else {
            return Ok(());
        };
        if cancel.at.is_none() && cancel.path.is_none() {
            return refuse(
                "cancel.path",
                "where a task is cancelled: `path`, `at`, or both",
            );
        }
        match cancel.method.as_str() {
            "DELETE" | "POST" | "PUT" => Ok(()),
            _ => refuse("cancel.method", "DELETE, POST or PUT"),
        }
    }

    /// Every state means one thing.
    fn validate_states(&self) -> Result<(), ConfigError> {
        let task = &self.task;
        for (field, states) in [
            ("task.running", &task.running),
            ("task.succeeded", &task.succeeded),
        ] {
            if states.is_empty() {
                return Err(ConfigError::new(field, "name at least one state"));
            }
        }
        let all = [
            &task.running,
            &task.succeeded,
            &task.failed,
            &task.cancelled,
            &task.cut_short,
            &task.unknown,
        ];
        let mut seen = Vec::new();
        for state in all.into_iter().flatten() {
            if seen.contains(&state) {
                let message = format!("the state {state:?} is named twice");
                return Err(ConfigError::new("task", message));
            }
            seen.push(state);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_row_can_be_used_and_says_its_source() {
        let names: Vec<_> = Dialect::shipped().iter().map(Dialect::name).collect();
        assert_eq!(names, ["openai-responses", "sub2api", "fal", "replicate"]);
        for row in Dialect::shipped() {
            assert_eq!(row.validate(), Ok(()), "{}", row.name);
            assert!(row.source.len() > 20, "{}", row.name);
        }
    }

    #[test]
    fn a_row_that_cannot_work_is_refused_by_its_key() {
        let refused = |change: &dyn Fn(&mut Dialect)| {
            let mut row = Dialect::shipped()[0].clone();
            change(&mut row);
            row.validate().unwrap_err().field().to_owned()
        };
        assert_eq!(refused(&|row| row.name.clear()), "name");
        assert_eq!(refused(&|row| row.call.path = "x".into()), "call.path");
        assert_eq!(refused(&|row| row.task.poll = None), "task.poll");
        assert_eq!(
            refused(&|row| row.task.poll = Some("/x".parse().unwrap())),
            "task.poll"
        );
        assert_eq!(refused(&|row| row.task.running.clear()), "task.running");
        assert_eq!(
            refused(&|row| row.task.failed.push("queued".into())),
            "task"
        );
        assert_eq!(refused(&|row| row.task.wait = Duration::ZERO), "task.wait");
        assert_eq!(
            refused(&|row| row.result.pictures.clear()),
            "result.pictures"
        );
        assert_eq!(refused(&|row| row.result.from = From::Field), "result.at");
        assert_eq!(
            refused(&|row| row.failure.costs = Some(1001)),
            "failure.costs"
        );
        assert_eq!(
            refused(&|row| row.submit.host = Some("https://x".into())),
            "submit.host"
        );
        assert_eq!(
            refused(&|row| row.task.key_hosts = vec!["*".into()]),
            "task.key_hosts"
        );
        assert_eq!(
            refused(&|row| row.submit.drop_headers = vec!["a b".into()]),
            "submit.drop_headers"
        );
        assert_eq!(
            refused(&|row| row.cancel.as_mut().unwrap().method = "GET".into()),
            "cancel.method"
        );
    }

    #[test]
    fn an_unknown_key_of_a_row_is_refused() {
        let text = toml::to_string(&Dialect::shipped()[0]).unwrap() + "\n[surprise]\n";
        let error = toml::from_str::<Dialect>(&text).unwrap_err().to_string();
        assert!(error.contains("surprise"), "{error}");
    }
}
