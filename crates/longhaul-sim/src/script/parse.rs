//! Faults, actions and scripts from text.
//!
//! One table, [`FORMS`], is the grammar: parsing, the list of names in error messages and [`Fault::names`] are read
//! from it, so a new fault is one row here and one in `Display`. The test of the round trip goes through all of them.
//! Numbers are bounded, so that no script can overflow a clock or a counter.

use std::{error::Error, fmt, str::FromStr, time::Duration};

use super::{Action, Fault, Script, TaskFailure, WaitForm};

/// The longest span and the largest rate that a script may name: far beyond any call, and safe to calculate with.
const MOST_SECONDS: f64 = 7.0 * 86_400.0;
/// Bytes, or bytes per second.
const MOST_BYTES: f64 = 1e12;

/// An item of a script that cannot be understood.
///
/// ```
/// use longhaul_sim::Script;
///
/// let error = "overloaded, cutt@60".parse::<Script>().unwrap_err();
/// assert!(error.to_string().contains("cutt@60"), "it names the item");
/// ```
///
/// | text | what is wrong |
/// |---|---|
/// | `explode` | no such fault; the message lists all, with what they take |
/// | `overloaded@5` | this one takes no value |
/// | `cut` | this one needs a value |
/// | `cut@soon`, `cut@-1` | no number from 0 to a week |
/// | `task-failed@x` | no such code; the message lists all |
/// | `cut@60+fast@2` | after `+` there is only `takes@SECONDS` |
/// | `cut@60*0` | a count from 1 to 10,000 |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    item: String,
    problem: Problem,
}

/// What is wrong with it; the message is made when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    UnknownName,
    NoValue,
    NeedsValue,
    BadNumber,
    BadCode,
    BadModifier,
    BadCount,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad script item `{}`: ", self.item)?;
        match self.problem {
            Problem::UnknownName => {
                f.write_str("no such fault; known are ")?;
                for (index, form) in FORMS.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}{}", form.name, form.value.written())?;
                }
                Ok(())
            }
            Problem::NoValue => f.write_str("this fault takes no value"),
            Problem::NeedsValue => f.write_str("this fault needs a value, such as `cut@60`"),
            Problem::BadNumber => {
                f.write_str("the value must be a number from 0 to a week, or a positive rate")
            }
            Problem::BadCode => {
                f.write_str("no such code; known are")?;
                TaskFailure::ALL
                    .iter()
                    .try_for_each(|failure| write!(f, " {failure}"))
            }
            Problem::BadModifier => f.write_str("after `+` only `takes@SECONDS` is known"),
            Problem::BadCount => f.write_str("after `*` a count from 1 to 10000 is needed"),
        }
    }
}

impl Error for ParseError {}

/// What may stand after the `@`.
enum Value {
    /// Nothing may stand there.
    None(fn() -> Fault),
    /// Seconds, and they are needed.
    Seconds(fn(Duration) -> Fault),
    /// Seconds, or this many where none are said.
    SecondsOr(u64, fn(Duration) -> Fault),
    /// Milliseconds, and they are needed.
    Millis(fn(Duration) -> Fault),
    /// Bytes, or this many where none are said.
    BytesOr(u64, fn(u64) -> Fault),
    /// Bytes per second, at least 1.
    Rate(fn(u64) -> Fault),
    /// The code of a [`TaskFailure`].
    Code(fn(TaskFailure) -> Fault),
}

impl Value {
    /// How it is written in the list of all faults; what may be left out stands in brackets.
    fn written(&self) -> &'static str {
        match self {
            Self::None(_) => "",
            Self::Seconds(_) => "@SECONDS",
            Self::SecondsOr(..) => "[@SECONDS]",
            Self::Millis(_) => "@MILLISECONDS",
            Self::BytesOr(..) => "[@BYTES]",
            Self::Rate(_) => "@BYTES_PER_SECOND",
            Self::Code(_) => "@CODE",
        }
    }

    /// The fault with the value of this text.
    fn read(&self, text: Option<&str>) -> Result<Fault, Problem> {
        match (self, text) {
            (Self::None(make), None) => Ok(make()),
            (Self::None(_), Some(_)) => Err(Problem::NoValue),
            (Self::Seconds(make) | Self::SecondsOr(_, make), Some(text)) => {
                Ok(make(span(text, 1.0)?))
            }
            (Self::SecondsOr(default, make), None) => Ok(make(Duration::from_secs(*default))),
            (Self::Millis(make), Some(text)) => Ok(make(span(text, 1e-3)?)),
            (Self::BytesOr(_, make), Some(text)) => Ok(make(bytes(text, 0.0)?)),
            (Self::BytesOr(default, make), None) => Ok(make(*default)),
            (Self::Rate(make), Some(text)) => Ok(make(bytes(text, 1.0)?)),
            (Self::Code(make), Some(text)) => {
                Ok(make(text.trim().parse().map_err(|()| Problem::BadCode)?))
            }
            (Self::Seconds(_) | Self::Millis(_) | Self::Rate(_) | Self::Code(_), None) => {
                Err(Problem::NeedsValue)
            }
        }
    }
}

/// A span in `unit`s of a second, at most a week.
fn span(text: &str, unit: f64) -> Result<Duration, Problem> {
    let seconds = number(text)? * unit;
    if seconds > MOST_SECONDS {
        return Err(Problem::BadNumber);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| Problem::BadNumber)
}

/// A count of bytes from `least` on; a fraction is cut off.
fn bytes(text: &str, least: f64) -> Result<u64, Problem> {
    let bytes = number(text)?;
    if (least..=MOST_BYTES).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(Problem::BadNumber)
    }
}

/// Whatever Rust reads as a float; the callers refuse what is out of range, “nan” among it.
fn number(text: &str) -> Result<f64, Problem> {
    text.trim().parse().map_err(|_| Problem::BadNumber)
}

/// A fault's name, and what may stand behind it.
struct Form {
    name: &'static str,
    value: Value,
}

const fn form(name: &'static str, value: Value) -> Form {
    Form { name, value }
}

/// Makes a rate limit that tells its wait in one form.
macro_rules! rate_limited {
    ($form:ident) => {
        |wait| Fault::RateLimited {
            wait,
            form: WaitForm::$form,
        }
    };
}

/// All faults, in the order in which the type declares them.
const FORMS: &[Form] = &[
    form("none", Value::None(|| Fault::None)),
    form("overloaded", Value::None(|| Fault::Overloaded)),
    form(
        "overloaded-for",
        Value::Seconds(|wait| Fault::OverloadedFor { wait }),
    ),
    form(
        "overloaded-after",
        Value::Seconds(|after| Fault::OverloadedAfter { after }),
    ),
    form("unavailable", Value::None(|| Fault::Unavailable)),
    form("rate-limited", Value::Seconds(rate_limited!(Seconds))),
    form("rate-limited-ms", Value::Millis(rate_limited!(Millis))),
    form(
        "rate-limited-x-ms",
        Value::Millis(rate_limited!(AzureMillis)),
    ),
    form("rate-limited-date", Value::Seconds(rate_limited!(Date))),
    form("rate-limited-body", Value::Seconds(rate_limited!(Body))),
    form(
        "rate-limited-mute",
        Value::None(|| Fault::RateLimited {
            wait: Duration::ZERO,
            form: WaitForm::Mute,
        }),
    ),
    form("quota", Value::None(|| Fault::Quota)),
    form("unauthorized", Value::None(|| Fault::Unauthorized)),
    form("bad-request", Value::None(|| Fault::BadRequest)),
    form("server-error", Value::None(|| Fault::ServerError)),
    form(
        "gateway-timeout",
        Value::SecondsOr(60, |after| Fault::GatewayTimeout { after }),
    ),
    form(
        "cloudflare-524",
        Value::SecondsOr(100, |after| Fault::Cloudflare524 { after }),
    ),
    form(
        "envoy-503",
        Value::SecondsOr(80, |after| Fault::Envoy503 { after }),
    ),
    form(
        "refused",
        Value::SecondsOr(3, |down| Fault::Refused { down }),
    ),
    form("early", Value::None(|| Fault::Early)),
    form(
        "reset-reading",
        Value::BytesOr(0, |bytes| Fault::ResetReading { bytes }),
    ),
    form("reset", Value::SecondsOr(0, |after| Fault::Reset { after })),
    form("silence", Value::None(|| Fault::Silence)),
    form("cut", Value::Seconds(|after| Fault::Cut { after })),
    form("truncated", Value::None(|| Fault::Truncated)),
    form("truncated-close", Value::None(|| Fault::TruncatedClose)),
    form("stalled", Value::None(|| Fault::Stalled)),
    form("unended", Value::None(|| Fault::Unended)),
    form("held-open", Value::None(|| Fault::HeldOpen)),
    form(
        "trickle",
        Value::Rate(|bytes_per_second| Fault::Trickle { bytes_per_second }),
    ),
    form("no-image", Value::None(|| Fault::NoImage)),
    form("blocked", Value::None(|| Fault::Blocked)),
    form(
        "heartbeat",
        Value::Seconds(|every| Fault::Heartbeat { every }),
    ),
    form("redirect", Value::None(|| Fault::Redirect)),
    form(
        "goaway",
        Value::SecondsOr(0, |after| Fault::GoAway { after }),
    ),
    form(
        "goaway-unprocessed",
        Value::None(|| Fault::GoAwayUnprocessed),
    ),
    form(
        "rst-stream",
        Value::SecondsOr(0, |after| Fault::RstStream { after }),
    ),
    form("refused-stream", Value::None(|| Fault::RefusedStream)),
    form("submit-twice", Value::None(|| Fault::SubmitTwice)),
    form(
        "poll-404",
        Value::SecondsOr(5, |until| Fault::PollNotFound { until }),
    ),
    form(
        "poll-503",
        Value::SecondsOr(60, |until| Fault::PollUnavailable { until }),
    ),
    form(
        "task-lost",
        Value::SecondsOr(20, |after| Fault::TaskLost { after }),
    ),
    form(
        "task-failed",
        Value::Code(|failure| Fault::TaskFailed { failure }),
    ),
    form("task-odd-state", Value::None(|| Fault::OddState)),
    form("foreign-poll-url", Value::None(|| Fault::ForeignPollUrl)),
    form("poll-redirect", Value::None(|| Fault::PollRedirect)),
    form("poll-unauthorized", Value::None(|| Fault::PollUnauthorized)),
    form("task-picture-gone", Value::None(|| Fault::PictureGone)),
    form("stream-stops", Value::None(|| Fault::StreamStops)),
    form(
        "stream-only-pings",
        Value::SecondsOr(15, |every| Fault::StreamOnlyPings { every }),
    ),
    form("stream-ends", Value::None(|| Fault::StreamEnds)),
];

impl Fault {
    /// The names of all faults, as scripts write them, without their values; for a test that must know every one.
    ///
    /// ```
    /// use longhaul_sim::Fault;
    ///
    /// assert!(Fault::names().any(|name| name == "cut"));
    /// ```
    pub fn names() -> impl Iterator<Item = &'static str> {
        FORMS.iter().map(|form| form.name)
    }
}

/// ```
/// use longhaul_sim::Fault;
///
/// for text in ["cut@60", "trickle@100000", "poll-404", "task-failed@server_error"] {
///     let fault: Fault = text.parse()?;
///     assert!(fault.to_string().starts_with(text), "{fault}");
/// }
/// # Ok::<(), longhaul_sim::ParseError>(())
/// ```
impl FromStr for Fault {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let (name, value) = match text.split_once('@') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        FORMS
            .iter()
            .find(|form| form.name == name)
            .ok_or(Problem::UnknownName)
            .and_then(|form| form.value.read(value))
            .map_err(|problem| ParseError {
                item: text.to_owned(),
                problem,
            })
    }
}

/// A fault, and behind a `+` how long the work takes:
///
/// ```
/// use longhaul_sim::Action;
///
/// assert!("cut@60+takes@100".parse::<Action>().is_ok());
/// assert!("cut@60+slow".parse::<Action>().is_err());
/// ```
impl FromStr for Action {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let refuse = |problem| ParseError {
            item: text.to_owned(),
            problem,
        };
        let Some((fault, modifier)) = text.split_once('+') else {
            return Ok(Fault::from_str(text)?.into());
        };
        let takes = modifier
            .trim()
            .strip_prefix("takes@")
            .ok_or_else(|| refuse(Problem::BadModifier))?;
        Ok(Self::new(fault.parse()?).taking(span(takes, 1.0).map_err(refuse)?))
    }
}

/// ```
/// use longhaul_sim::Script;
///
/// let script: Script = "overloaded*2, none+takes@120".parse()?;
/// assert_eq!(script.actions().len(), 3);
/// assert_eq!("".parse::<Script>()?.actions().len(), 0);
/// assert!("overloaded,,none".parse::<Script>().is_err(), "an empty item is a mistake");
/// # Ok::<(), longhaul_sim::ParseError>(())
/// ```
impl FromStr for Script {
    type Err = ParseError;

    /// Items separated by commas; `*N` after an item repeats it. The empty text is the empty script.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut actions = Vec::new();
        for item in text.split(',').map(str::trim) {
            if item.is_empty() && text.trim().is_empty() {
                break;
            }
            let (action, count) = match item.rsplit_once('*') {
                Some((action, count)) => {
                    let count = count
                        .trim()
                        .parse()
                        .ok()
                        .filter(|count| (1..=10_000).contains(count));
                    (
                        action,
                        count.ok_or(ParseError {
                            item: item.to_owned(),
                            problem: Problem::BadCount,
                        })?,
                    )
                }
                None => (item, 1),
            };
            actions.extend(std::iter::repeat_n(action.parse::<Action>()?, count));
        }
        Ok(Self::new(actions))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
