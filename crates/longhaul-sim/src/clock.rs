//! The provider's clock: tokio's, run `speed` times as fast.
//!
//! Every span that the simulator waits or tells goes through here, so `speed` is applied in one place and to all of
//! them alike. Tests run at speed 1 on paused time; real sockets cannot be paused, and run at 100 or so. The oracle
//! tells provider time in both cases, so one assertion fits both.

use std::time::Duration;

use tokio::time::Instant;

/// Converts between the provider's time and tokio's.
///
/// It is copied freely: all copies have one origin, the moment at which the provider was built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    speed: f64,
    origin: Instant,
}

impl Clock {
    /// `speed` is above 0: the builder refuses all else.
    pub(crate) fn start(speed: f64) -> Self {
        Self {
            speed,
            origin: Instant::now(),
        }
    }

    /// How long `provider` time takes on tokio's clock.
    ///
    /// For what is handed to tokio, and for waits that answers tell to clients.
    pub(crate) fn real(&self, provider: Duration) -> Duration {
        scale(provider, 1.0 / self.speed)
    }

    /// Provider time since the provider was built.
    pub(crate) fn now(&self) -> Duration {
        scale(
            Instant::now().saturating_duration_since(self.origin),
            self.speed,
        )
    }

    /// Waits for a span of provider time.
    pub(crate) async fn sleep(&self, provider: Duration) {
        tokio::time::sleep(self.real(provider)).await;
    }
}

/// At a speed of 1 the span stays exact; what does not fit a `Duration` is as good as for ever.
///
/// The exact path matters on paused time: a detour over floats could be off by a nanosecond, and change the order of
/// two timers.
fn scale(span: Duration, factor: f64) -> Duration {
    if factor == 1.0 {
        return span;
    }
    Duration::try_from_secs_f64(span.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn provider_time_passes_speed_times_as_fast() {
        let clock = Clock::start(100.0);
        assert_eq!(
            clock.real(Duration::from_secs(60)),
            Duration::from_millis(600)
        );
        clock.sleep(Duration::from_secs(120)).await;
        let now = clock.now().as_secs_f64();
        assert!((119.9..120.5).contains(&now), "{now}");
    }

    #[test]
    fn a_span_too_long_to_count_is_for_ever() {
        assert_eq!(scale(Duration::MAX, 10.0), Duration::MAX);
    }
}
