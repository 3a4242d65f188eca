//! A policy for a provider whose time runs faster: which of its times are the provider's, and which are our own.
//!
//! It stands beside the policy, not with a simulator: here alone can the policies be taken apart, so that a new key does not
//! compile until it says whose time it is.

use std::time::Duration;

use super::Policy;
use crate::{
    config::{ConfigError, scale, scale_with_floor},
    fallback::BreakerPolicy,
    retry::Schedule,
    timeout::{NetworkTimeouts, TimeoutPolicy},
};

impl Policy {
    /// This policy for a provider whose time runs `1 / factor` times as fast: `scaled(0.01)` for one at a
    /// hundred times real speed. For tests and demonstrations.
    ///
    /// The clocks that watch our own machine and network (start, write progress, the wait for a place)
    /// stay at two seconds or more. Refuses a factor that is not above zero.
    ///
    /// ```
    /// use longhaul::policy::Policy;
    ///
    /// // Against a simulated provider that makes a 4K picture in 1.2 s.
    /// let policy = Policy::nano_banana_pro().scaled(0.01)?;
    /// assert_eq!(policy.timeout.picture.k4.as_secs(), 6);
    /// assert_eq!(policy.timeout.start.as_secs(), 2, "this machine is no faster than before");
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub fn scaled(mut self, factor: f64) -> Result<Self, ConfigError> {
        if !(factor.is_finite() && factor > 0.0) {
            return Err(ConfigError::new(
                "factor",
                format!("{factor} is not a number above zero"),
            ));
        }
        let providers = |duration: Duration| scale(duration, factor);
        let ours = |duration: Duration| scale_with_floor(duration, factor);

        let BreakerPolicy {
            window,
            open,
            overloads: _,
        } = &mut self.fallback.breaker;
        for span in [window, open] {
            *span = providers(*span);
        }

        let retry = &mut self.retry;
        retry.deadline = retry.deadline.map(|deadline| deadline.map(providers));
        retry.free_until = retry.free_until.map(providers);
        retry.longest_silence = providers(retry.longest_silence);
        retry.time_scale *= factor;

        let Schedule {
            after_timeout,
            after_error,
            unsent,
            overload,
            cap,
            max_retry_after,
            collect,
            jitter: _,
        } = &mut retry.schedule;
        for backoff in [after_timeout, after_error, unsent] {
            *backoff = backoff.map(providers);
        }
        for wait in [overload, cap, max_retry_after, collect] {
            *wait = providers(*wait);
        }

        self.in_flight.queue_timeout = ours(self.in_flight.queue_timeout);
        self.classify.time_scale *= factor;
        self.billing.claims.over = self.billing.claims.over.map(providers);

        let TimeoutPolicy {
            start,
            write_progress,
            picture,
            network_picture,
            per_reference,
            per_extra_image,
            high_quality,
            silence,
            attempt,
            at_limit: _,
            network: _,
            after_timeout: _,
        } = &mut self.timeout;
        *picture = picture.map(providers);
        *attempt = attempt.map(providers);
        for limit in [start, write_progress] {
            *limit = ours(*limit);
        }
        let NetworkTimeouts {
            data_centre,
            broadband,
            cross_border,
            peak_hours,
        } = network_picture;
        for limit in [
            data_centre,
            broadband,
            cross_border,
            peak_hours,
            per_reference,
            per_extra_image,
            high_quality,
            silence,
        ] {
            *limit = providers(*limit);
        }
        Ok(self)
    }
}
