//! How one API takes a task: a row of the table.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::{JsonPath, exchange::Scalar};

/// How one API takes a task, is asked after it, and gives its picture.
///
/// The rows that come with the crate are [`shipped`](Self::shipped); one's own stand in
/// [`TasksPolicy::dialects`](super::TasksPolicy::dialects), in the same form.
///
/// ```
/// use longhaul_providers::tasks::Dialect;
///
/// for row in Dialect::shipped() {
///     println!("{}, by {}", row.name(), row.source());
/// }
/// ```
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
    #[serde(default)]
    pub(super) lost: Option<LostRow>,
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
    /// Sent again under the same idempotency key where its answer was lost, up to three times, because the provider takes it
    /// once.
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

/// How the task of a submit is found whose answer was lost: in a list of the account's tasks, the newest among them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LostRow {
    /// Where they are listed.
    pub(super) list: Template,
    /// The tasks in the list; each as the submit's answer has it.
    pub(super) items: JsonPath,
    /// When one was made, in the form of RFC 3339.
    pub(super) created: JsonPath,
    /// The fields of the request that a task repeats. The one task that was made since, and has all of them as they were
    /// sent, is ours; of several none is.
    pub(super) same: Vec<String>,
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
    ///
    /// ```
    /// use longhaul_providers::tasks::Dialect;
    ///
    /// for dialect in Dialect::shipped() {
    ///     println!("{}: {}", dialect.name(), dialect.source());
    /// }
    /// ```
    pub fn shipped() -> &'static [Self] {
        &SHIPPED
    }

    /// The name by which a policy names it for a host, and a handle its dialect.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a task in this state is taken back free of charge.
    pub(super) fn is_free_in(&self, state: &str) -> bool {
        let row = self.cancel.as_ref();
        row.is_some_and(|row| row.free_in.iter().any(|free| free == state))
    }

    /// Where it is documented that the API works as the row says.
    pub fn source(&self) -> &str {
        &self.source
    }
}
