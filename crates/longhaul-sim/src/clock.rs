//! The provider's clock: tokio's, run `speed` times as fast.

use std::time::Duration;

use tokio::time::Instant;

/// Converts between the provider's time and tokio's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    speed: f64,
    origin: Instant,
}

impl Clock {
    pub(crate) fn start(speed: f64) -> Self {
        Self {
            speed,
            origin: Instant::now(),
        }
    }

    /// How long `provider` time takes on tokio's clock.
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
