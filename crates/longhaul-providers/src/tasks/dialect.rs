//! How one API takes a task: a row of the table.
//!
//! A dialect is data and not a trait, so that a relay's operator writes ten lines of TOML and no Rust, and so that each
//! row can say where it is known from. What a row cannot say does not exist in the exchange: there is no code for one
//! API alone.
//!
//! Private fields, because a row makes sense as a whole only; it is made by `serde`, and checked with the policy that
//! it is in.

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
///
/// A row is read from TOML; [`TasksPolicy::validate`](super::TasksPolicy::validate) says what is wrong with one. Its
/// parts:
///
/// | table | what it says |
/// |---|---|
/// | `call` | which calls become tasks: `path` (the end of it), `never_with`, `never_where`, `pictures_only`, `prefer_wait` |
/// | `submit` | what is changed: `host`, `path`, `set` (fields), `drop_headers`, `idempotent` |
/// | `task` | `id`, `poll_at` or `poll`, `key_hosts`, `state` and what its words mean, `wait`, `kept` or `expires` |
/// | `result` | where the unary answer is: `from` (`answer`, `field`, `fetched`, `links`), `at`, `pictures` |
/// | `failure` | where a failed task says why: `status`, `error`, `code`; what it `costs` in thousandths of the price |
/// | `cancel` | how a task is taken back: `method`, `at` or `path`, `free_in` |
/// | `lost` | how a task is found whose submit was not answered: `list`, `items`, `created`, `same` |
///
/// A shipped row is a good start for one's own, since it can be written out, changed, and read again:
///
/// ```
/// use longhaul_providers::tasks::{Dialect, TasksPolicy};
///
/// let row = toml::to_string(&Dialect::shipped()[1])?.replace("\"3s\"", "\"5s\"");
/// let row: Dialect = toml::from_str(&row)?;
/// let mut policy = TasksPolicy::default().at("relay.example.com", "sub2api");
/// policy.dialects.push(row);
/// assert!(policy.validate().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
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
    /// Fields that rule tasks out where they have this value, such as `store = false`.
    #[serde(default)]
    pub(super) never_where: BTreeMap<String, Scalar>,
    /// Only calls that a detector recognises as asking for pictures become tasks.
    #[serde(default)]
    pub(super) pictures_only: bool,
    /// Only with `Prefer: wait`: without, the caller does the polling.
    #[serde(default)]
    pub(super) prefer_wait: bool,
}

/// What is changed of the caller's request to make a submit of it; everything else is sent as it came.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitRow {
    /// The host that the submit goes to, in place of the caller's; it gets the caller's key.
    #[serde(default)]
    pub(super) host: Option<String>,
    /// Another path than the caller's, which the API takes tasks at.
    #[serde(default)]
    pub(super) path: Option<Template>,
    /// Fields that are put into the body; a caller who sets one of them gets the unary call.
    #[serde(default)]
    pub(super) set: BTreeMap<String, Scalar>,
    /// Headers that are left out, such as Replicate's `prefer`, which would hold the answer back.
    #[serde(default)]
    pub(super) drop_headers: Vec<String>,
    /// Sent again under the same idempotency key where its answer was lost, up to three times, because the provider takes it
    /// once.
    #[serde(default)]
    pub(super) idempotent: bool,
}

/// How a task is named, polled and understood.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskRow {
    /// Where the answer to the submit has the task's id. An answer without one is the unary answer.
    pub(super) id: JsonPath,
    /// Where the answer to the submit has the URL to poll. A URL at a host that gets no key is not used.
    #[serde(default)]
    pub(super) poll_at: Option<JsonPath>,
    /// The path to poll, by the API's rule, where the answer tells no URL or one that is not used.
    #[serde(default)]
    pub(super) poll: Option<Template>,
    /// Hosts besides the submit's that polls may go to, with the key.
    #[serde(default)]
    pub(super) key_hosts: Vec<String>,
    /// Where a poll's answer has the state: one word of the six lists below, or an undocumented one, which counts as
    /// running.
    pub(super) state: JsonPath,
    /// States of a task that has not ended.
    pub(super) running: Vec<String>,
    /// States of a task whose result is there.
    pub(super) succeeded: Vec<String>,
    /// States of a task that ended without a result.
    #[serde(default)]
    pub(super) failed: Vec<String>,
    /// States of a task that somebody cancelled.
    #[serde(default)]
    pub(super) cancelled: Vec<String>,
    /// States of a task that ended early, for a reason that its answer tells.
    #[serde(default)]
    pub(super) cut_short: Vec<String>,
    /// The provider's words for a task that it does not know.
    #[serde(default)]
    pub(super) unknown: Vec<String>,
    /// The first wait between two polls; later ones grow from it. Above zero.
    #[serde(with = "humantime_serde")]
    pub(super) wait: Duration,
    /// How long the provider keeps a result; it goes into the handle, for whoever collects later.
    #[serde(default, with = "humantime_serde")]
    pub(super) kept: Option<Duration>,
    /// Where the submit's answer says until when, in seconds since 1970.
    #[serde(default)]
    pub(super) expires: Option<JsonPath>,
}

/// Where a task that is done has its unary answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResultRow {
    pub(super) from: From,
    /// The place of the field, of the URL, or of the links; not needed where the poll's answer is the unary one.
    #[serde(default)]
    pub(super) at: Option<JsonPath>,
    /// The places in the unary answer at which a picture may be: base64 or a link.
    pub(super) pictures: Vec<JsonPath>,
}

/// How the unary answer is got from a task that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum From {
    /// The poll's answer is the unary answer.
    Answer,
    /// A field of the poll's answer is the unary answer.
    Field,
    /// The unary answer is fetched at a URL that the poll's answer tells, at an origin that may have the key.
    Fetched,
    /// The poll's answer has links, of which a unary answer in the form of the images API is made.
    Links,
}

/// Where a failed task says why, and what it costs.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureRow {
    /// Where the status stands that the unary call would have had.
    #[serde(default)]
    pub(super) status: Option<JsonPath>,
    /// The place of the error object, which is handed on as `error`.
    #[serde(default)]
    pub(super) error: Option<JsonPath>,
    /// The places of a word that says why; the first one that is there counts.
    #[serde(default)]
    pub(super) code: Vec<JsonPath>,
    /// What a failed task costs, in thousandths of the price, where the provider says so.
    #[serde(default)]
    pub(super) costs: Option<u16>,
}

/// How a task is cancelled.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelRow {
    /// `DELETE`, `POST` or `PUT`.
    pub(super) method: String,
    #[serde(default)]
    pub(super) at: Option<JsonPath>,
    #[serde(default)]
    pub(super) path: Option<Template>,
    /// The states in which a cancellation is free of charge. Without any, a task is never cancelled.
    #[serde(default)]
    pub(super) free_in: Vec<String>,
}

/// How the task of a submit is found whose answer was lost: in a list of the account's tasks, the newest among them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LostRow {
    /// The path of the account's list of tasks.
    pub(super) list: Template,
    /// The tasks in the list; each as the submit's answer has it.
    pub(super) items: JsonPath,
    /// Where a task in the list has the time at which it was made, in the form of RFC 3339.
    pub(super) created: JsonPath,
    /// The fields of the request that a task repeats. The one task that was made since, and has all of them as they were
    /// sent, is ours; of several none is.
    pub(super) same: Vec<String>,
}

/// The table of the crate, read once. A row that cannot be used is found by the test
/// `every_shipped_row_can_be_used_and_says_its_source`.
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
    ///
    /// Only the first, third and fourth belong to a host by default; `sub2api` is the software of relays, whose hosts a
    /// policy has to name.
    pub fn shipped() -> &'static [Self] {
        &SHIPPED
    }

    /// The name by which a policy names it for a host, and a handle its dialect.
    ///
    /// ```
    /// use longhaul_providers::tasks::Dialect;
    ///
    /// let names: Vec<_> = Dialect::shipped().iter().map(Dialect::name).collect();
    /// assert_eq!(names, ["openai-responses", "sub2api", "fal", "replicate"]);
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a task in this state is taken back free of charge.
    pub(super) fn is_free_in(&self, state: &str) -> bool {
        let row = self.cancel.as_ref();
        row.is_some_and(|row| row.free_in.iter().any(|free| free == state))
    }

    /// Where it is documented that the API works as the row says.
    ///
    /// Empty in a row of one's own that does not say it.
    ///
    /// ```
    /// use longhaul_providers::tasks::Dialect;
    ///
    /// assert!(Dialect::shipped().iter().all(|row| !row.source().is_empty()));
    /// ```
    pub fn source(&self) -> &str {
        &self.source
    }
}
