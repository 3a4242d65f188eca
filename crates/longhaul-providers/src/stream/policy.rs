//! Which hosts stream.
//!
//! A policy is data, in a file or in code, with one row for each host. There is no switch for “all hosts”: whether a
//! stream helps depends on whether the peer sends anything while it works, and that has to be known of each.

use std::{collections::BTreeMap, time::Duration};

use longhaul::ConfigError;
use serde::{Deserialize, Serialize};

use crate::exchange::is_authority;

/// Which hosts are asked for streams, and how. Plain data: change what you like, then build.
///
/// ```
/// use longhaul_providers::stream::{Api, StreamPolicy};
///
/// let policy = StreamPolicy::default().at("relay.example.com", Api::Images, 0);
/// policy.validate()?;
/// assert!(policy.hosts.contains_key("api.openai.com"), "by default");
/// let wrong = StreamPolicy::from_toml("[hosts]\n'relay.example.com' = { api = 'images', partial_images = 4 }\n");
/// assert!(wrong.is_err(), "at most 3 partial images");
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
///
/// | key | default | where the number is from |
/// |---|---|---|
/// | `hosts` | `api.openai.com`: Responses | OpenAI sends `keepalive` events every 30 s there |
/// | `silence` | 90 s | three of those |
/// | `deadline` | 2,250 s | the deadline of an operation in `longhaul`'s own policy |
/// | `remember` | 1 h | a peer may learn to stream, and one refusal an hour costs little |
/// | `longest_request` | 32 MiB | the replay buffer of `longhaul`'s own policy |
/// | `longest_event` | 64 MiB | a 4K PNG in base64 has up to 40 MB |
///
/// ```
/// use std::time::Duration;
/// use longhaul_providers::stream::StreamPolicy;
///
/// let mut policy = StreamPolicy::default();
/// policy.silence = Duration::from_secs(45);
/// policy.hosts.remove("api.openai.com");
/// assert!(policy.validate().is_ok(), "no host at all: every call passes as it is");
/// policy.silence = Duration::ZERO;
/// assert_eq!(policy.validate().unwrap_err().field(), "silence");
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StreamPolicy {
    /// What is asked of each host, which stands as it is in the URL, with its port where that has one. By default the
    /// Responses API of OpenAI: it is the one that is known to send something while a picture is made.
    ///
    /// Case does not matter; a wildcard is no host. `api.example.com` is also the host with the scheme's own port.
    pub hosts: BTreeMap<String, StreamRow>,
    /// After a ping was seen, a silence this long makes the attempt late: 90 s, three pings of OpenAI's.
    ///
    /// Late is said, not acted on: [`StreamReport::late`](super::StreamReport::late) and the attempt's handle have it,
    /// so that the layers above may begin a duplicate where their policy allows one. Before the first ping no silence
    /// counts, since then the peer may be one that never pings.
    #[serde(with = "humantime_serde")]
    pub silence: Duration,
    /// How long a stream is read where the call has no [`Deadline`](longhaul::Deadline): 2,250 s, pings or not.
    ///
    /// It ends the stream with [`StreamError::Open`](super::StreamError::Open).
    #[serde(with = "humantime_serde")]
    pub deadline: Duration,
    /// How long it is remembered that a host does not stream for a key: an hour, in which it may learn to.
    ///
    /// Zero asks anew with each call.
    #[serde(with = "humantime_serde")]
    pub remember: Duration,
    /// Requests that are longer pass as they are, since a body has to be read to be changed: 32 MiB, as the core reads.
    ///
    /// In bytes, and for one call: the body is held while the stream is asked for, so that the unary call can follow.
    pub longest_request: usize,
    /// No event may be longer: 64 MiB, which a 4K picture in base64 stays below.
    ///
    /// In bytes, and for one stream; only the events of an answer are held. A longer one ends the call with
    /// [`StreamError::TooLong`](super::StreamError::TooLong). Answers of several pictures come in one event each.
    pub longest_event: usize,
}

/// What is asked of a host.
///
/// ```
/// use longhaul_providers::stream::{Api, StreamPolicy, StreamRow};
///
/// let relay = StreamRow { api: Api::Images, partial_images: 0 };
/// let policy = StreamPolicy::default().at("relay.example.com", Api::Images, 0);
/// assert_eq!(policy.hosts["relay.example.com"], relay);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamRow {
    /// The API whose calls are asked for as streams.
    pub api: Api,
    /// How many partial images are asked for, 0 to 3, of the images API: they move bytes where the peer does not ping. OpenAI
    /// counts 100 output tokens for each, which [`PriceRow::draft_price`](longhaul::billing::PriceRow::draft_price) prices;
    /// with 0 a relay still pings.
    #[serde(default)]
    pub partial_images: u8,
}

/// An API that knows streams.
///
/// Calls of any other pass as they are.
///
/// In a policy file they are `"responses"` and `"images"`:
///
/// ```
/// use longhaul_providers::stream::{Api, StreamPolicy};
///
/// let policy = StreamPolicy::from_toml("[hosts]\n'api.openai.com' = { api = 'responses' }")?;
/// assert_eq!(policy.hosts["api.openai.com"].api, Api::Responses);
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Api {
    /// `POST …/responses`.
    ///
    /// Only requests with the image tool become streams, as far as a detector above says which those are.
    Responses,
    /// `POST …/images/generations` and `…/images/edits`, in JSON.
    ///
    /// Edits as multipart forms pass as they are: a field cannot be put into a form without reading pictures.
    Images,
}

impl Default for StreamPolicy {
    fn default() -> Self {
        let openai = StreamRow {
            api: Api::Responses,
            partial_images: 0,
        };
        let seconds = Duration::from_secs;
        Self {
            hosts: [("api.openai.com".to_owned(), openai)].into(),
            silence: seconds(90),
            deadline: seconds(2_250),
            remember: seconds(3_600),
            longest_request: 32 * 1024 * 1024,
            longest_event: 64 * 1024 * 1024,
        }
    }
}

impl StreamPolicy {
    /// `host` is asked for streams of this API, with so many partial images.
    ///
    /// A second row for one host replaces the first.
    ///
    /// ```
    /// use longhaul_providers::stream::{Api, StreamPolicy};
    ///
    /// let policy = StreamPolicy::default()
    ///     .at("relay.example.com:8080", Api::Images, 1)
    ///     .at("relay.example.com:8080", Api::Responses, 0);
    /// assert_eq!(policy.hosts["relay.example.com:8080"].api, Api::Responses);
    /// ```
    #[must_use]
    pub fn at(mut self, host: impl Into<String>, api: Api, partial_images: u8) -> Self {
        let row = StreamRow {
            api,
            partial_images,
        };
        self.hosts.insert(host.into(), row);
        self
    }

    /// Reads a policy file. Refuses unknown keys, wrong types and values that cannot work.
    ///
    /// The keys are the fields of this type; a key that is missing keeps its default, except that `hosts` is the whole
    /// table: naming one host leaves out the default's.
    ///
    /// ```
    /// use longhaul_providers::stream::StreamPolicy;
    ///
    /// let policy = StreamPolicy::from_toml("silence = '1m'")?;
    /// assert_eq!(policy.silence.as_secs(), 60);
    /// assert!(policy.hosts.contains_key("api.openai.com"));
    ///
    /// let error = StreamPolicy::from_toml("[hosts]\n'a.test' = { api = 'images', partial_images = 9 }").unwrap_err();
    /// assert_eq!(error.field(), r#"hosts."a.test".partial_images"#);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let policy: Self = toml::from_str(text)
            .map_err(|error| ConfigError::new("stream", format!("not a policy file:\n{error}")))?;
        policy.validate()?;
        Ok(policy)
    }

    /// This policy for a provider whose time runs `1 / factor` times as fast, for tests and demonstrations. Refuses a
    /// factor that is not above zero.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul_providers::stream::StreamPolicy;
    ///
    /// let fast = StreamPolicy::default().scaled(0.01)?;
    /// assert_eq!(fast.silence, Duration::from_millis(900));
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    ///
    /// Scaled are `silence`, `deadline` and `remember`; sizes stay.
    pub fn scaled(mut self, factor: f64) -> Result<Self, ConfigError> {
        if !(factor.is_finite() && factor > 0.0) {
            let message = format!("{factor} is not a number above zero");
            return Err(ConfigError::new("factor", message));
        }
        for span in [&mut self.silence, &mut self.deadline, &mut self.remember] {
            let scaled = Duration::try_from_secs_f64(span.as_secs_f64() * factor);
            *span = scaled.unwrap_or(*span);
        }
        Ok(self)
    }

    /// Refuses what cannot work, naming the key.
    ///
    /// Refused are a host that is none, more than 3 partial images, a `silence` or `deadline` of zero, and a
    /// `longest_event` of zero. A layer checks it when it is made, so that a policy built in code needs no call of
    /// this.
    ///
    /// ```
    /// use longhaul_providers::stream::StreamPolicy;
    ///
    /// let mut policy = StreamPolicy::default();
    /// policy.longest_event = 0;
    /// assert_eq!(policy.validate().unwrap_err().field(), "longest_event");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        for (host, row) in &self.hosts {
            let field = || format!("hosts.{host:?}");
            if !is_authority(host) {
                let message = "a host as in a URL, such as `api.example.com` or `127.0.0.1:8080`";
                return Err(ConfigError::new(field(), message));
            }
            if row.partial_images > 3 {
                let field = format!("{}.partial_images", field());
                return Err(ConfigError::new(field, "0 to 3"));
            }
        }
        for (field, span) in [("silence", self.silence), ("deadline", self.deadline)] {
            if span.is_zero() {
                return Err(ConfigError::new(field, "must be above zero"));
            }
        }
        if self.longest_event == 0 {
            return Err(ConfigError::new("longest_event", "must be above zero"));
        }
        Ok(())
    }

    /// What is asked of a host, as it is written in a URL.
    pub(super) fn row(&self, authority: &str) -> Option<StreamRow> {
        let mut hosts = self.hosts.iter();
        let (_, row) = hosts.find(|(host, _)| host.eq_ignore_ascii_case(authority))?;
        Some(*row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_refused_by_the_key_that_is_wrong() {
        for (text, field) in [
            (
                "[hosts]\n'https://x' = { api = 'images' }",
                "hosts.\"https://x\"",
            ),
            (
                "[hosts]\n'x' = { api = 'images', partial_images = 4 }",
                "hosts.\"x\".partial_images",
            ),
            ("silence = '0s'", "silence"),
            ("longest_event = 0", "longest_event"),
        ] {
            assert_eq!(StreamPolicy::from_toml(text).unwrap_err().field(), field);
        }
        let unknown = StreamPolicy::from_toml("[hosts]\n'x' = { api = 'images', more = 1 }");
        assert!(unknown.unwrap_err().to_string().contains("more"));
    }
}
