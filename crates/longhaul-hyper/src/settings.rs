//! The numbers of a client, and which of them contradict each other.

use std::time::Duration;

use longhaul::ConfigError;

/// TCP keepalive: probes that hold a silent connection open in NATs and load balancers.
///
/// NATs and network load balancers forget a connection after some minutes without a packet, often without telling either
/// end; the answer then has no way back. A probe is such a packet. It carries no data, so an HTTP proxy that waits for
/// bytes of the answer does not notice it, and cuts all the same.
///
/// ```
/// use std::time::Duration;
///
/// use longhaul_hyper::Keepalive;
///
/// // A firewall on the way forgets silent connections after 30 s.
/// let keepalive = Keepalive { after: Duration::from_secs(20), ..Keepalive::default() };
/// ```
///
/// A setting that cannot work is refused when a client is built, under the key that is wrong:
///
/// ```
/// use longhaul_hyper::{Client, Keepalive};
/// # type Body = http_body_util::Full<bytes::Bytes>;
///
/// let never = Keepalive { probes: 0, ..Keepalive::default() };
/// let error = Client::builder().plain_http_only().keepalive(never).build::<Body>().unwrap_err();
/// assert_eq!(error.field(), "keepalive.probes");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keepalive {
    /// The silence before the first probe: shorter than what the most forgetful NAT on the way remembers. From 1 s to
    /// 32,767 s, in whole seconds.
    ///
    /// 30 s by default: AWS's network load balancer forgets after 350 s, other NATs often sooner.
    pub after: Duration,
    /// From one unanswered probe to the next. From 1 s to 32,767 s, in whole seconds.
    ///
    /// 15 s by default.
    pub every: Duration,
    /// Unanswered probes after which the connection is dead: from 1 to 127. A dead path is noticed
    /// after `after + every × probes`, 105 s by default.
    ///
    /// 5 by default.
    pub probes: u32,
}

impl Keepalive {
    /// How long a dead path goes unnoticed: `after + every × probes`.
    fn detection(&self) -> Duration {
        self.after
            .saturating_add(self.every.saturating_mul(self.probes))
    }

    /// Refuses what the kernel would refuse or round at connect time, where no caller would see it.
    fn validate(&self) -> Result<(), ConfigError> {
        // What Linux takes, the narrowest: whole seconds up to 32,767 and up to 127 probes.
        for (field, value) in [("after", self.after), ("every", self.every)] {
            if !(1..=32_767).contains(&value.as_secs()) {
                return Err(ConfigError::new(field, "must be between 1 s and 32,767 s"));
            }
        }
        if !(1..=127).contains(&self.probes) {
            return Err(ConfigError::new("probes", "must be between 1 and 127"));
        }
        Ok(())
    }
}

impl Default for Keepalive {
    /// After 30 s, every 15 s, 5 probes.
    fn default() -> Self {
        Self {
            after: Duration::from_secs(30),
            every: Duration::from_secs(15),
            probes: 5,
        }
    }
}

/// The numbers of a client; TLS and proxies are not among them.
///
/// [`Builder`](crate::Builder) has a method for each. All at once they can be set when they come from a configuration:
///
/// ```
/// use std::time::Duration;
///
/// use longhaul_hyper::{Client, Settings};
///
/// let mut settings = Settings::default();
/// settings.connect_timeout = Duration::from_secs(5);
/// settings.pool_max_idle_per_host = 0;
/// let builder = Client::builder().settings(settings);
/// ```
///
/// | number | default | allowed |
/// |---|---|---|
/// | `connect_timeout` | 10 s | more than 0, at most 24 h |
/// | `keepalive` | after 30 s, every 15 s, 5 probes | 1 s to 32,767 s; 1 to 127 probes |
/// | `user_timeout` | 120 s | 1 ms to 24 h, and not below what the keepalive allows |
/// | `pool_idle_timeout` | 30 s | more than 0, at most 24 h |
/// | `paid_idle_timeout` | 2 s | more than 0, at most 24 h |
/// | `pool_max_idle_per_host` | 5 | any |
/// | `max_headers` | 100 | 10 to 10,000 |
/// | `max_head` | 64 KiB | 8 KiB to 16 MiB |
///
/// They are read when a client is built, and the same for all its connections afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// One limit over DNS, an outbound proxy, TCP and TLS, together: no stage can use up the time of another unseen. Its
    /// expiry is free, since nothing was sent. More than 0, at most 24 h.
    pub connect_timeout: Duration,
    /// TCP keepalive; `None` switches it off.
    pub keepalive: Option<Keepalive>,
    /// How long sent bytes or probes may stay unacknowledged (`TCP_USER_TIMEOUT`); `None` leaves it to
    /// the operating system, which waits for about a quarter of an hour on Linux. Set on Linux and Android; other systems do
    /// not have it. The kernel lets it end the keepalive's patience too: one that is shorter than that is refused.
    ///
    /// It also bounds how long a call waits on a path that swallows packets: without it, sent bytes are repeated until
    /// the operating system gives up.
    pub user_timeout: Option<Duration>,
    /// A connection that was idle this long is closed, and one whose server closes it meanwhile is not used.
    ///
    /// 30 s by default, shorter than the 60 s after which many servers and load balancers close an idle connection
    /// themselves.
    pub pool_idle_timeout: Duration,
    /// A connection that was idle this long takes no call that may be charged: one whose extensions carry an
    /// [`Attempt`](longhaul::Attempt). Polls and downloads may have it. Where it is longer than
    /// `pool_idle_timeout`, that one counts.
    ///
    /// 2 s by default. A shorter time costs handshakes, a longer one the doubt whether a request on a stale connection
    /// was charged.
    pub paid_idle_timeout: Duration,
    /// Idle connections kept per host; 0 gives every call a connection of its own.
    pub pool_max_idle_per_host: usize,
    /// The most headers that an answer may have: from 10 to 10,000. An answer with more is an error of the kind
    /// [`MalformedResponse`](longhaul::ErrorKind::MalformedResponse).
    pub max_headers: usize,
    /// The most bytes that the head of an answer may have: from 8 KiB to 16 MiB. A longer one is an error as above. The
    /// buffers of a connection grow with it.
    pub max_head: usize,
}

impl Settings {
    /// The first fault is told, by the name of its field; for the keepalive's under `keepalive`.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        within_a_day("connect_timeout", self.connect_timeout)?;
        within_a_day("pool_idle_timeout", self.pool_idle_timeout)?;
        within_a_day("paid_idle_timeout", self.paid_idle_timeout)?;
        // Above that, a hostile answer could take what memory there is; below, good ones would fail.
        if !(10..=10_000).contains(&self.max_headers) {
            return Err(ConfigError::new(
                "max_headers",
                "must be between 10 and 10,000",
            ));
        }
        if !(8 << 10..=16 << 20).contains(&self.max_head) {
            return Err(ConfigError::new(
                "max_head",
                "must be between 8 KiB and 16 MiB, in bytes",
            ));
        }
        if let Some(keepalive) = &self.keepalive {
            keepalive
                .validate()
                .map_err(|error| error.under("keepalive"))?;
        }
        if let Some(user_timeout) = self.user_timeout {
            self.validate_user_timeout(user_timeout)?;
        }
        Ok(())
    }

    /// Apart from the others, because its bounds come from another setting and from the kernel.
    fn validate_user_timeout(&self, user_timeout: Duration) -> Result<(), ConfigError> {
        within_a_day("user_timeout", user_timeout)?;
        // The kernel counts milliseconds, and reads 0 as its own default.
        if user_timeout < Duration::from_millis(1) {
            return Err(ConfigError::new("user_timeout", "must be at least 1 ms"));
        }
        // The kernel lets it end the keepalive's patience, so a shorter one makes that setting a lie.
        match self.keepalive {
            Some(keepalive) if user_timeout < keepalive.detection() => Err(ConfigError::new(
                "user_timeout",
                format!(
                    "shorter than the {} s that the keepalive allows (after + every × probes)",
                    keepalive.detection().as_secs(),
                ),
            )),
            _ => Ok(()),
        }
    }
}

impl Default for Settings {
    /// Connect 10 s · keepalive after 30 s, every 15 s, 5 probes · user timeout 120 s · 5 idle
    /// connections per host, for 30 s, and for a call that may be charged only under 2 s · 100 headers and
    /// 64 KiB in the head of an answer.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            keepalive: Some(Keepalive::default()),
            user_timeout: Some(Duration::from_secs(120)),
            pool_idle_timeout: Duration::from_secs(30),
            paid_idle_timeout: Duration::from_secs(2),
            pool_max_idle_per_host: 5,
            max_headers: 100,
            max_head: 64 << 10,
        }
    }
}

/// More than a day is taken for a mistake in the unit, and keeps sums of times from overflowing.
fn within_a_day(field: &str, value: Duration) -> Result<(), ConfigError> {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    if value.is_zero() || value > DAY {
        return Err(ConfigError::new(
            field,
            "must be more than 0 and at most 24 h",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = settings.validate().expect_err("a bad setting");
        error.field().to_owned()
    }

    #[test]
    fn the_defaults_are_valid() {
        Settings::default().validate().expect("valid");
    }

    #[test]
    fn zero_and_contradictory_values_are_refused_by_name() {
        assert_eq!(
            refused(|s| s.connect_timeout = Duration::ZERO),
            "connect_timeout"
        );
        assert_eq!(
            refused(|s| s.pool_idle_timeout = Duration::ZERO),
            "pool_idle_timeout"
        );
        assert_eq!(
            refused(|s| s.pool_idle_timeout = Duration::MAX),
            "pool_idle_timeout"
        );
        assert_eq!(
            refused(|s| s.paid_idle_timeout = Duration::ZERO),
            "paid_idle_timeout"
        );
        for headers in [0, 10_001] {
            assert_eq!(refused(|s| s.max_headers = headers), "max_headers");
        }
        for bytes in [8191, (16 << 20) + 1] {
            assert_eq!(refused(|s| s.max_head = bytes), "max_head");
        }
        assert_eq!(
            refused(|s| s.user_timeout = Some(Duration::ZERO)),
            "user_timeout"
        );
        assert_eq!(
            refused(|s| s.user_timeout = Some(Duration::from_secs(104))),
            "user_timeout",
        );
        let keepalive = |change: fn(&mut Keepalive)| {
            refused(|s| change(s.keepalive.as_mut().expect("on by default")))
        };
        assert_eq!(keepalive(|k| k.after = Duration::ZERO), "keepalive.after");
        assert_eq!(
            keepalive(|k| k.every = Duration::from_millis(999)),
            "keepalive.every"
        );
        assert_eq!(keepalive(|k| k.probes = 0), "keepalive.probes");
        assert_eq!(keepalive(|k| k.probes = 128), "keepalive.probes");
    }

    #[test]
    fn what_is_switched_off_is_not_checked() {
        let settings = Settings {
            keepalive: None,
            user_timeout: Some(Duration::from_secs(1)),
            pool_max_idle_per_host: 0,
            ..Settings::default()
        };
        settings.validate().expect("valid");
    }
}
