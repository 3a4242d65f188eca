//! What may become a task, and how it is asked after.
//!
//! A policy names dialects for hosts, and says how patient the polling is. How an API speaks is the business of a
//! [`Dialect`]; so a relay with an API of its own needs a table in a file and no code.

use std::{collections::BTreeMap, time::Duration};

use longhaul::ConfigError;
use serde::{Deserialize, Serialize};

use super::{dialect::Dialect, first_wait::FirstWait};
use crate::exchange::is_authority;

/// Which hosts take calls as tasks, and how tasks are polled. Plain data: change what you like, then build.
///
/// ```
/// use longhaul_providers::tasks::TasksPolicy;
///
/// let policy = TasksPolicy::from_toml(r#"
///     [hosts]
///     "api.openai.com" = ["openai-responses"]
///     "relay.example.com" = ["sub2api"]
/// "#)?;
/// assert_eq!(policy.hosts.len(), 2);
/// # Ok::<_, longhaul::ConfigError>(())
/// ```
///
/// | key | default | where the number is from |
/// |---|---|---|
/// | `hosts` | OpenAI, fal, Replicate | the shipped dialects that belong to one host |
/// | `first_wait` | 11, 16, 30 s by size | a quarter of the median time |
/// | `longest_wait` | 10 s | how late a picture may be fetched |
/// | `longest_told_wait` | 60 s | results are kept for minutes: OpenAI 10, fal 6 |
/// | `grace` | 30 s | servers of one provider that have not heard of a task yet |
/// | `deadline` | 2,250 s | the deadline of an operation in `longhaul`'s own policy |
/// | `poll_timeout` | 30 s | a poll is short, and costs nothing to repeat |
/// | `polls_per_second` | 10 | half of what DashScope, which names a limit, allows |
/// | `remember` | 1 h | one refused submit an hour costs little |
/// | `longest_request` | 32 MiB | the replay buffer of `longhaul`'s own policy |
/// | `longest_answer` | 64 MiB | a 4K PNG in base64 has up to 40 MB |
/// | `cancel_queued` | no | whoever comes back collects the picture |
///
/// In code the fields are set one by one:
///
/// ```
/// use std::time::Duration;
/// use longhaul_providers::tasks::TasksPolicy;
///
/// let mut policy = TasksPolicy::default();
/// policy.longest_wait = Duration::from_secs(5);
/// policy.cancel_queued = true;
/// policy.validate()?;
/// policy.polls_per_second = 0.0;
/// assert_eq!(policy.validate().unwrap_err().field(), "polls_per_second");
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TasksPolicy {
    /// The dialects of each host, by name; the first that knows the call is used. A host stands as it is in the URL, with
    /// its port where that has one. By default OpenAI, fal and Replicate.
    ///
    /// Case does not matter; a wildcard is no host. A host with an empty list is one whose calls pass as they are.
    pub hosts: BTreeMap<String, Vec<String>>,
    /// Further dialects. One of the same name stands for the one that comes with the crate.
    ///
    /// In a file each is a table `[[dialects]]`, in the form that [the module](super) shows.
    pub dialects: Vec<Dialect>,
    /// How long the first poll waits: by default a quarter of the median time of that size (11, 16 and 30 s); 11 s where
    /// the size is unknown.
    ///
    /// An API that asks for a longer one in the answer to the submit gets it.
    pub first_wait: FirstWait,
    /// No wait between two polls grows beyond this, so that a picture is fetched soon after it is ready: 10 s, unless the
    /// provider asks for more.
    ///
    /// Waits begin at the dialect's own (1 to 3 s in the shipped rows) and grow by 30 % each, a tenth off by chance to
    /// either side.
    #[serde(with = "humantime_serde")]
    pub longest_wait: Duration,
    /// No wait is longer, whatever the provider asks for, since results are kept for minutes only: 60 s.
    ///
    /// The provider asks by `Retry-After`, `retry-after-ms` or `openai-poll-after-ms`; the longest of them counts.
    #[serde(with = "humantime_serde")]
    pub longest_told_wait: Duration,
    /// How long a task that is not found may only be late, since not every server of the provider has heard of it: 30 s.
    ///
    /// It counts from the submit; for a result at a URL of its own, from the word that the task is done; for a handle, from when
    /// [`collect`](super::collect()) begins, which may be right after a crash.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// How long a task is waited for where the call has no [`Deadline`](longhaul::Deadline): 2,250 s.
    ///
    /// Then the call ends with [`TaskError::Open`](super::TaskError::Open), and the task goes on at the provider.
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// How long a poll waits for its head, and for each piece of its answer: 30 s. Then it is made again.
    ///
    /// It also bounds the list of tasks and the cancellation. [`scaled`](Self::scaled) leaves it at two seconds or
    /// more.
    #[serde(with = "humantime_serde")]
    pub poll_timeout: Duration,
    /// Polls per second, for each host and key together: 10. The one provider that
    /// names a limit, DashScope, allows 20.
    ///
    /// Polls take their places in the order in which they ask; one whose place would come after the deadline is not
    /// made.
    pub polls_per_second: f64,
    /// How long it is remembered that a host does not take tasks from a key: an hour, in which it may learn to.
    ///
    /// It is also how long it is remembered which tasks have a caller, so that a task found in a list is not given to
    /// two calls. Zero asks anew with each call.
    #[serde(with = "humantime_serde")]
    pub remember: Duration,
    /// Requests that are longer pass as they are, since a body has to be read to be changed: 32 MiB, as the core reads.
    ///
    /// In bytes, and for one call: the body is held until the task is taken, so that a unary call can follow a refusal.
    pub longest_request: usize,
    /// Longer answers are handed on as they come, where they are the unary answer: 64 MiB.
    ///
    /// In bytes, and for one call. Where the unary answer is a field of the poll's, or made of links in it, it has to be
    /// read: the call ends with [`TaskError::TooLong`](super::TaskError::TooLong) instead, and its task stays open. Raise this
    /// and [collect](super::collect()) it.
    pub longest_answer: usize,
    /// Whether a task is cancelled when its caller leaves while that is free of charge: no, since whoever comes back collects
    /// it. Where it is, the task is asked after once more, and cancelled in a state that its dialect calls free.
    ///
    /// Of the shipped rows only fal's names a state in which that is free. The question and the cancellation run on a
    /// task of the tokio runtime that the call was dropped in; dropped outside of one, nothing is cancelled.
    pub cancel_queued: bool,
    /// How fast the provider's time runs, as a share; set by [`scaled`](Self::scaled).
    #[serde(skip, default = "one")]
    pub(super) pace: f64,
}

/// The pace of a policy that was read from a file: the provider's own.
const fn one() -> f64 {
    1.0
}

impl Default for TasksPolicy {
    fn default() -> Self {
        let hosts = [
            ("api.openai.com", "openai-responses"),
            ("fal.run", "fal"),
            ("api.replicate.com", "replicate"),
        ];
        let seconds = Duration::from_secs;
        Self {
            hosts: hosts
                .map(|(host, dialect)| (host.to_owned(), vec![dialect.to_owned()]))
                .into(),
            dialects: Vec::new(),
            first_wait: FirstWait::default(),
            longest_wait: seconds(10),
            longest_told_wait: seconds(60),
            grace: seconds(30),
            deadline: seconds(2_250),
            poll_timeout: seconds(30),
            polls_per_second: 10.0,
            remember: seconds(3_600),
            longest_request: 32 * 1024 * 1024,
            longest_answer: 64 * 1024 * 1024,
            cancel_queued: false,
            pace: 1.0,
        }
    }
}

impl TasksPolicy {
    /// Calls at `host` may also become tasks of this dialect; asked after those that are there.
    ///
    /// ```
    /// use longhaul_providers::tasks::TasksPolicy;
    ///
    /// // A relay that speaks fal's dialect.
    /// let policy = TasksPolicy::default().at("relay.example.com", "fal");
    /// policy.validate()?;
    /// assert!(TasksPolicy::default().at("relay.example.com", "no such").validate().is_err());
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    #[must_use]
    pub fn at(mut self, host: impl Into<String>, dialect: impl Into<String>) -> Self {
        self.hosts
            .entry(host.into())
            .or_default()
            .push(dialect.into());
        self
    }

    /// Reads a policy file. Refuses unknown keys, wrong types and values that cannot work.
    ///
    /// ```
    /// use longhaul_providers::tasks::TasksPolicy;
    ///
    /// let policy = TasksPolicy::from_toml("[hosts]\n\"relay.example.com\" = [\"fal\"]\n")?;
    /// assert!(policy.dialect("fal").is_some());
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    ///
    /// A key that is missing keeps its default, except that `hosts` is the whole table: naming one host leaves out the
    /// default's.
    ///
    /// ```
    /// use longhaul_providers::tasks::TasksPolicy;
    ///
    /// let error = TasksPolicy::from_toml("longest_wait = '0s'").unwrap_err();
    /// assert_eq!(error.field(), "longest_wait");
    /// assert!(TasksPolicy::from_toml("longest_wait = '5s'\nsurprise = 1").is_err(), "an unknown key");
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let policy: Self = toml::from_str(text)
            .map_err(|error| ConfigError::new("tasks", format!("not a policy file:\n{error}")))?;
        policy.validate()?;
        Ok(policy)
    }

    /// This policy for a provider whose time runs `1 / factor` times as fast, for tests and demonstrations. The clock of
    /// a poll stays at two seconds or more. Refuses a factor that is not above zero.
    ///
    /// Sizes stay, and the rate of polls grows as the time shrinks:
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_providers::tasks::TasksPolicy;
    ///
    /// let fast = TasksPolicy::default().scaled(0.01)?;
    /// assert_eq!(fast.first_wait.k4, Duration::from_millis(300));
    /// assert_eq!(fast.polls_per_second, 1000.0);
    /// assert_eq!(fast.poll_timeout, Duration::from_secs(2), "a real socket stays one");
    /// assert!(TasksPolicy::default().scaled(0.0).is_err());
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn scaled(mut self, factor: f64) -> Result<Self, ConfigError> {
        if !(factor.is_finite() && factor > 0.0) {
            let message = format!("{factor} is not a number above zero");
            return Err(ConfigError::new("factor", message));
        }
        let first = &mut self.first_wait;
        for span in [
            &mut first.k1,
            &mut first.k2,
            &mut first.k4,
            &mut first.unknown,
            &mut self.longest_wait,
            &mut self.longest_told_wait,
            &mut self.grace,
            &mut self.deadline,
            &mut self.poll_timeout,
            &mut self.remember,
        ] {
            let scaled = Duration::try_from_secs_f64(span.as_secs_f64() * factor);
            *span = scaled.unwrap_or(*span);
        }
        self.poll_timeout = self.poll_timeout.max(Duration::from_secs(2));
        self.polls_per_second /= factor;
        self.pace *= factor;
        Ok(self)
    }

    /// Refuses what cannot work, naming the key.
    ///
    /// Each own dialect is checked as well, under `dialects[0]` and so on. A layer checks its policy when it is made,
    /// so that one built in code needs no call of this.
    ///
    /// ```
    /// use longhaul_providers::tasks::TasksPolicy;
    ///
    /// let policy = TasksPolicy::default().at("https://relay.example.com/v1", "fal");
    /// assert_eq!(policy.validate().unwrap_err().field(), r#"hosts."https://relay.example.com/v1""#);
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (index, dialect) in self.dialects.iter().enumerate() {
            let under = format!("dialects[{index}]");
            dialect.validate().map_err(|error| error.under(&under))?;
        }
        for (host, names) in &self.hosts {
            let field = || format!("hosts.{host:?}");
            if !is_authority(host) {
                let message = "a host as in a URL, such as `api.example.com` or `127.0.0.1:8080`";
                return Err(ConfigError::new(field(), message));
            }
            if let Some(unknown) = names.iter().find(|name| self.dialect(name).is_none()) {
                let known: Vec<_> = Dialect::shipped().iter().map(Dialect::name).collect();
                let message =
                    format!("no dialect {unknown:?}: `dialects` has none, and known are {known:?}");
                return Err(ConfigError::new(field(), message));
            }
        }
        for (field, span) in [
            ("longest_wait", self.longest_wait),
            ("longest_told_wait", self.longest_told_wait),
            ("deadline", self.deadline),
            ("poll_timeout", self.poll_timeout),
        ] {
            if span.is_zero() {
                return Err(ConfigError::new(field, "must be above zero"));
            }
        }
        if !(self.polls_per_second.is_finite() && self.polls_per_second > 0.0) {
            return Err(ConfigError::new(
                "polls_per_second",
                "must be a number above zero",
            ));
        }
        Ok(())
    }

    /// The row of this name.
    ///
    /// Own rows are looked at before the shipped ones.
    ///
    /// ```
    /// use longhaul_providers::tasks::TasksPolicy;
    ///
    /// let policy = TasksPolicy::default();
    /// assert_eq!(policy.dialect("sub2api").map(|row| row.name()), Some("sub2api"));
    /// assert!(policy.dialect("unheard of").is_none());
    /// ```
    pub fn dialect(&self, name: &str) -> Option<&Dialect> {
        let mut all = self.dialects.iter().chain(Dialect::shipped());
        all.find(|dialect| dialect.name() == name)
    }

    /// The rows of a host, as it is written in a URL.
    pub(super) fn rows(&self, authority: &str) -> impl Iterator<Item = &Dialect> {
        let mut hosts = self.hosts.iter();
        let found = hosts.find(|(host, _)| host.eq_ignore_ascii_case(authority));
        found
            .into_iter()
            .flat_map(|(_, names)| names)
            .filter_map(|name| self.dialect(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> ConfigError {
        TasksPolicy::from_toml(text).unwrap_err()
    }

    #[test]
    fn a_policy_is_refused_by_the_key_that_is_wrong() {
        assert_eq!(
            refused("[hosts]\n'api.test' = ['no']").field(),
            "hosts.\"api.test\""
        );
        assert_eq!(
            refused("[hosts]\n'https://x' = ['fal']").field(),
            "hosts.\"https://x\""
        );
        assert_eq!(refused("longest_wait = '0s'").field(), "longest_wait");
        assert_eq!(
            refused("polls_per_second = 0.0").field(),
            "polls_per_second"
        );
        assert!(refused("surprise = 1").to_string().contains("surprise"));
        let row = include_str!("dialects.toml")
            .split("[[dialect]]")
            .nth(1)
            .unwrap();
        let row = row.replace("[dialect.", "[dialects.");
        let broken = format!(
            "[[dialects]]{}",
            row.replace("wait = \"2s\"", "wait = \"0s\"")
        );
        assert_eq!(refused(&broken).field(), "dialects[0].task.wait");
    }

    #[test]
    fn ones_own_row_stands_for_the_shipped_one_of_its_name() {
        let mut row = Dialect::shipped()[0].clone();
        row.source = "measured".to_owned();
        let policy = TasksPolicy {
            dialects: vec![row],
            ..TasksPolicy::default()
        };
        let rows: Vec<_> = policy.rows("API.openai.com").map(Dialect::source).collect();
        assert_eq!(rows, ["measured"]);
        assert_eq!(policy.rows("api.test").count(), 0);
    }

    #[test]
    fn a_scaled_policy_keeps_its_shape() {
        let policy = TasksPolicy::default().scaled(0.01).unwrap();
        assert_eq!(policy.first_wait.k4, Duration::from_millis(300));
        assert_eq!(policy.poll_timeout, Duration::from_secs(2));
        assert_eq!(policy.validate(), Ok(()));
        assert_eq!(
            TasksPolicy::default().scaled(0.0).unwrap_err().field(),
            "factor"
        );
    }
}
