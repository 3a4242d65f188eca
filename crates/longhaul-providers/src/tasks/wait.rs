//! The waits between polls.
//!
//! Waits begin short, because the first poll has already waited for most of the time, and grow, because a task that is
//! late by minutes is not found sooner by more questions. Chance keeps tasks that were submitted together from polling
//! together. What the provider asks for is a floor, up to a bound of the policy: results are kept for minutes only.

use std::time::Duration;

use http::HeaderMap;

use super::{TasksPolicy, dialect::Dialect};

/// How much longer each wait is than the one before.
///
/// From 2 s to the 10 s of the policy in seven steps.
const GROWTH: f64 = 1.3;
/// How far a wait is off by chance, to either side.
const JITTER: f64 = 0.1;

/// The waits of one task, one after the other.
#[derive(Debug)]
pub(super) struct Waits {
    next: Duration,
    longest: Duration,
    longest_told: Duration,
}

impl Waits {
    /// The dialect's own wait is never cut by a smaller `longest_wait`: it is what the API's documentation asks for.
    pub(super) fn new(policy: &TasksPolicy, dialect: &Dialect) -> Self {
        let wait = dialect.task.wait.mul_f64(policy.pace.min(1e6));
        Self {
            next: wait,
            longest: policy.longest_wait.max(wait),
            longest_told: policy.longest_told_wait,
        }
    }

    /// The next wait: at least what the provider asked for, within reason.
    pub(super) fn next(&mut self, told: Option<Duration>) -> Duration {
        let wait = self.next;
        self.next = wait.mul_f64(GROWTH).min(self.longest);
        let off = 1.0 - JITTER + 2.0 * JITTER * fastrand::f64();
        let told = told.unwrap_or_default().min(self.longest_told);
        wait.mul_f64(off).max(told)
    }
}

/// What an answer asks for: `Retry-After` in seconds, or OpenAI's milliseconds.
///
/// Dates are not read, unlike for a refused call: a poll that is made too early costs nothing. The longest of several
/// counts; zero, a negative number or a word is none.
pub(super) fn told(headers: &HeaderMap) -> Option<Duration> {
    let number =
        |name: &str| -> Option<f64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let millis = number("openai-poll-after-ms").or_else(|| number("retry-after-ms"));
    let seconds = millis
        .map(|millis| millis / 1e3)
        .into_iter()
        .chain(number("retry-after"))
        .fold(0.0, f64::max);
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|told| !told.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_the_provider_may_ask_for_more() {
        let policy = TasksPolicy::default();
        let mut waits = Waits::new(&policy, &Dialect::shipped()[0]);
        let near = |wait: Duration, expected: f64| {
            let wait = wait.as_secs_f64();
            assert!(
                (expected * 0.89..expected * 1.11).contains(&wait),
                "{wait} {expected}"
            );
        };
        for expected in [2.0, 2.6, 3.38] {
            near(waits.next(None), expected);
        }
        for _ in 0..10 {
            waits.next(None);
        }
        near(waits.next(None), 10.0);
        assert_eq!(
            waits.next(Some(Duration::from_secs(20))),
            Duration::from_secs(20)
        );
        assert_eq!(waits.next(Some(Duration::MAX)), policy.longest_told_wait);
    }

    #[test]
    fn the_longest_of_all_waits_asked_for_counts() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect()
        };
        assert_eq!(
            told(&headers(&[("retry-after", "3")])),
            Some(Duration::from_secs(3))
        );
        assert_eq!(
            told(&headers(&[
                ("retry-after", "1"),
                ("openai-poll-after-ms", "2500")
            ])),
            Some(Duration::from_millis(2500))
        );
        for odd in ["-1", "nan", "soon", "1e999"] {
            assert_eq!(told(&headers(&[("retry-after", odd)])), None, "{odd}");
        }
    }
}
