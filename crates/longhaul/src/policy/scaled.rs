//! A policy for a provider whose time runs faster: which of its times are the provider's, and which are our own.

use std::time::Duration;

use super::Policy;
use crate::{
    config::{ConfigError, scale, scale_with_floor},
    timeout::NetworkTimeouts,
};

impl Policy {
    /// This policy for a provider whose time runs `1 / factor` times as fast: `scaled(0.01)` for one at a
    /// hundred times real speed. For tests and demonstrations.
    ///
    /// The clocks that watch our own machine and network (start, write progress, the wait for a place)
    /// stay at two seconds or more. Refuses a factor that is not above zero.
    pub fn scaled(mut self, factor: f64) -> Result<Self, ConfigError> {
        if !(factor.is_finite() && factor > 0.0) {
            return Err(ConfigError::new(
                "factor",
                format!("{factor} is not a number above zero"),
            ));
        }
        let providers = |duration: Duration| scale(duration, factor);
        let ours = |duration: Duration| scale_with_floor(duration, factor);

        let breaker = &mut self.fallback.breaker;
        breaker.window = providers(breaker.window);
        breaker.open = providers(breaker.open);

        let retry = &mut self.retry;
        retry.deadline = retry.deadline.map(|deadline| deadline.map(providers));
        retry.free_until = retry.free_until.map(providers);
        retry.longest_silence = providers(retry.longest_silence);
        retry.time_scale *= factor;

        let schedule = &mut retry.schedule;
        schedule.after_timeout = schedule.after_timeout.map(providers);
        schedule.after_error = schedule.after_error.map(providers);
        schedule.unsent = schedule.unsent.map(providers);
        schedule.overload = providers(schedule.overload);
        schedule.cap = providers(schedule.cap);
        schedule.max_retry_after = providers(schedule.max_retry_after);
        schedule.collect = providers(schedule.collect);

        self.in_flight.queue_timeout = ours(self.in_flight.queue_timeout);
        self.classify.time_scale *= factor;
        self.billing.claims.over = self.billing.claims.over.map(providers);

        let timeout = &mut self.timeout;
        timeout.start = ours(timeout.start);
        timeout.write_progress = ours(timeout.write_progress);
        timeout.picture = timeout.picture.map(providers);
        let NetworkTimeouts {
            data_centre,
            broadband,
            cross_border,
            peak_hours,
        } = &mut timeout.network_picture;
        for limit in [data_centre, broadband, cross_border, peak_hours] {
            *limit = providers(*limit);
        }
        timeout.per_reference = providers(timeout.per_reference);
        timeout.per_extra_image = providers(timeout.per_extra_image);
        timeout.high_quality = providers(timeout.high_quality);
        timeout.silence = providers(timeout.silence);
        timeout.attempt = timeout.attempt.map(providers);
        Ok(self)
    }
}
