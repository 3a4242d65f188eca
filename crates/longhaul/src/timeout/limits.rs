use std::{sync::Arc, time::Duration};

use crate::{
    config::{ConfigError, nonzero, scale, scale_with_floor},
    model::{PerResolution, Quality, Workload},
};

/// What the network between us and the provider is like, where that is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// A stable intranet or a data centre: adds 10 to 20 s.
    DataCentre,
    /// Home broadband or mobile: adds 30 to 50 s.
    Broadband,
    /// Across borders, or through a VPN: adds 50 to 100 s.
    CrossBorder,
    /// Peak hours of the provider: adds 20 to 40 s to generations of 180 s.
    PeakHours,
}

/// How long the head may take in each [`Network`], whatever the size.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTimeouts {
    /// For [`Network::DataCentre`].
    #[serde(with = "crate::config::duration")]
    pub data_centre: Duration,
    /// For [`Network::Broadband`].
    #[serde(with = "crate::config::duration")]
    pub broadband: Duration,
    /// For [`Network::CrossBorder`].
    #[serde(with = "crate::config::duration")]
    pub cross_border: Duration,
    /// For [`Network::PeakHours`].
    #[serde(with = "crate::config::duration")]
    pub peak_hours: Duration,
}

impl NetworkTimeouts {
    /// The row of `network`.
    pub const fn of(&self, network: Network) -> Duration {
        match network {
            Network::DataCentre => self.data_centre,
            Network::Broadband => self.broadband,
            Network::CrossBorder => self.cross_border,
            Network::PeakHours => self.peak_hours,
        }
    }
}

/// Every clock of [`SizeAwareTimeout`](super::SizeAwareTimeout), as plain values.
///
/// The defaults are those of the Nano Banana Pro timeout guide that this crate implements.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TimeoutPolicy {
    /// From the call until the request body is first asked for. Default 20 s.
    #[serde(with = "crate::config::duration")]
    pub start: Duration,
    /// Between two signs of progress while the request is written. Default 30 s.
    #[serde(with = "crate::config::duration")]
    pub write_progress: Duration,
    /// From the flushed request until the head. Default 300 s for K1 and K2, 600 s for K4 and Unknown.
    pub head: PerResolution,
    /// The network, where it is known; the longer of its row and the size's row counts. Default none.
    pub network: Option<Network>,
    /// The rows of the networks. Default 300 s in a data centre, 600 s elsewhere.
    pub network_head: NetworkTimeouts,
    /// What each reference image adds to the head. Default 0 s.
    ///
    /// This term and the two that follow count what was read of the request. A body that could not be read
    /// has nothing to count: where they are used, `head.unknown` should have room for the most that is ever
    /// sent. `attempt` and the operation's deadline do not grow with them.
    #[serde(with = "crate::config::duration")]
    pub per_reference: Duration,
    /// What each image beyond the first adds to the head. Default 0 s.
    #[serde(with = "crate::config::duration")]
    pub per_extra_image: Duration,
    /// What [`Quality::High`] adds to the head, once. Default 0 s.
    #[serde(with = "crate::config::duration")]
    pub high_quality: Duration,
    /// Between two pieces of the answer's body. Default 60 s.
    #[serde(with = "crate::config::duration")]
    pub body_idle: Duration,
    /// From the head until the last byte. Default 300 s.
    #[serde(with = "crate::config::duration")]
    pub body: Duration,
    /// From the call until the last byte. Default none: the other clocks and the operation's
    /// [`Deadline`](crate::Deadline) bound it.
    #[serde(with = "crate::config::duration::option")]
    pub attempt: Option<Duration>,
    /// How much longer the head may take after a head clock ran out, as a factor for each time that
    /// happened in the operation: with 1.5, 600 s become 900 s, then 1,350 s. At least 1, at most 10.
    /// Default none: always the same. It moves neither `attempt` nor the operation's deadline.
    pub after_timeout: Option<f64>,
}

impl Default for TimeoutPolicy {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(20),
            write_progress: Duration::from_secs(30),
            head: PerResolution::from_secs(300, 300, 600, 600),
            network: None,
            network_head: NetworkTimeouts {
                data_centre: Duration::from_secs(300),
                broadband: Duration::from_secs(600),
                cross_border: Duration::from_secs(600),
                peak_hours: Duration::from_secs(600),
            },
            per_reference: Duration::ZERO,
            per_extra_image: Duration::ZERO,
            high_quality: Duration::ZERO,
            body_idle: Duration::from_secs(60),
            body: Duration::from_secs(300),
            attempt: None,
            after_timeout: None,
        }
    }
}

impl TimeoutPolicy {
    /// How long the head of an answer to `workload` may take: the longer of the size's row and the
    /// network's, and what reference images, further images and high quality add to it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul::{Resolution, Workload, timeout::TimeoutPolicy};
    ///
    /// let mut limits = TimeoutPolicy::default();
    /// limits.per_reference = Duration::from_secs(10);
    /// limits.per_extra_image = Duration::from_secs(60);
    ///
    /// let workload = Workload::of(Resolution::K2).with_references(3).with_images(2);
    /// assert_eq!(limits.head_for(&workload), Duration::from_secs(300 + 3 * 10 + 60));
    /// ```
    pub fn head_for(&self, workload: &Workload) -> Duration {
        let by_size = self.head.of(workload.resolution);
        let row = match self.network {
            Some(network) => by_size.max(self.network_head.of(network)),
            None => by_size,
        };
        let further_images = workload.images.saturating_sub(1);
        let quality = match workload.quality {
            Some(Quality::High) => self.high_quality,
            _ => Duration::ZERO,
        };
        row.saturating_add(self.per_reference.saturating_mul(workload.references))
            .saturating_add(self.per_extra_image.saturating_mul(further_images))
            .saturating_add(quality)
    }

    /// These limits for one request, put into its extensions:
    ///
    /// ```
    /// # fn example(request: &mut http::Request<()>) -> Result<(), longhaul::ConfigError> {
    /// use std::time::Duration;
    /// use longhaul::timeout::TimeoutPolicy;
    ///
    /// let mut limits = TimeoutPolicy::default();
    /// limits.body = Duration::from_secs(900);
    /// request.extensions_mut().insert(limits.for_request()?);
    /// # Ok(()) }
    /// ```
    pub fn for_request(self) -> Result<RequestTimeouts, ConfigError> {
        self.validate()?;
        Ok(RequestTimeouts(Arc::new(self)))
    }

    /// Refuses zeros, and limits that can never be reached. What is added to the head may be zero.
    pub fn validate(&self) -> Result<(), ConfigError> {
        nonzero("start", self.start)?;
        nonzero("write_progress", self.write_progress)?;
        self.head.validate().map_err(|error| error.under("head"))?;
        for (name, limit) in [
            ("data_centre", self.network_head.data_centre),
            ("broadband", self.network_head.broadband),
            ("cross_border", self.network_head.cross_border),
            ("peak_hours", self.network_head.peak_hours),
        ] {
            nonzero(name, limit).map_err(|error| error.under("network_head"))?;
        }
        nonzero("body_idle", self.body_idle)?;
        nonzero("body", self.body)?;
        if self.body_idle > self.body {
            return Err(ConfigError::new(
                "body_idle",
                format!(
                    "{:?} can never be reached: the whole body may take {:?}",
                    self.body_idle, self.body
                ),
            ));
        }
        if self
            .after_timeout
            .is_some_and(|factor| !(1.0..=10.0).contains(&factor))
        {
            return Err(ConfigError::new(
                "after_timeout",
                "must be a factor from 1 to 10",
            ));
        }
        let longest_head = self.head_for(&Workload::default());
        match self.attempt {
            Some(attempt) if attempt < longest_head => Err(ConfigError::new(
                "attempt",
                format!("{attempt:?} is shorter than the longest head limit, {longest_head:?}"),
            )),
            _ => Ok(()),
        }
    }

    /// These limits for a provider whose time runs `1 / factor` times as fast. The clocks that watch
    /// our own machine (start, write) stay at 2 s or more.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        let network = self.network_head;
        Self {
            start: scale_with_floor(self.start, factor),
            write_progress: scale_with_floor(self.write_progress, factor),
            head: self.head.map(|limit| scale(limit, factor)),
            network: self.network,
            network_head: NetworkTimeouts {
                data_centre: scale(network.data_centre, factor),
                broadband: scale(network.broadband, factor),
                cross_border: scale(network.cross_border, factor),
                peak_hours: scale(network.peak_hours, factor),
            },
            per_reference: scale(self.per_reference, factor),
            per_extra_image: scale(self.per_extra_image, factor),
            high_quality: scale(self.high_quality, factor),
            body_idle: scale(self.body_idle, factor),
            body: scale(self.body, factor),
            attempt: self.attempt.map(|limit| scale(limit, factor)),
            after_timeout: self.after_timeout,
        }
    }
}

/// TimeoutPolicy for one request, checked: a request extension that replaces the layer's.
#[derive(Clone, Debug)]
pub struct RequestTimeouts(Arc<TimeoutPolicy>);

impl RequestTimeouts {
    /// The limits.
    pub fn limits(&self) -> &TimeoutPolicy {
        &self.0
    }
}

/// Chooses the clocks of an attempt by its workload. [`TimeoutPolicy`] is the table; closures are policies too.
pub trait TimeoutSelector {
    /// The clocks of one attempt at `workload`.
    fn clocks(&self, workload: &Workload) -> AttemptTimeouts;

    /// The same after so many attempts of the operation whose head clock ran out. By default no other.
    fn timeouts_after(&self, workload: &Workload, head_expiries: u32) -> AttemptTimeouts {
        let _ = head_expiries;
        self.clocks(workload)
    }
}

impl TimeoutSelector for TimeoutPolicy {
    fn clocks(&self, workload: &Workload) -> AttemptTimeouts {
        AttemptTimeouts {
            start: self.start,
            write_progress: self.write_progress,
            head: Some(self.head_for(workload)),
            body_idle: self.body_idle,
            body: self.body,
            attempt: self.attempt,
        }
    }

    fn timeouts_after(&self, workload: &Workload, head_expiries: u32) -> AttemptTimeouts {
        let clocks = self.clocks(workload);
        let factor = self
            .after_timeout
            .map(|factor| factor.powf(f64::from(head_expiries)));
        AttemptTimeouts {
            head: clocks
                .head
                .map(|head| factor.map_or(head, |factor| scale(head, factor))),
            ..clocks
        }
    }
}

impl<F> TimeoutSelector for F
where
    F: Fn(&Workload) -> AttemptTimeouts,
{
    fn clocks(&self, workload: &Workload) -> AttemptTimeouts {
        self(workload)
    }
}

/// The clocks of one attempt, chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AttemptTimeouts {
    /// From the call until the request body is first asked for.
    pub start: Duration,
    /// Between two signs of progress while the request is written.
    pub write_progress: Duration,
    /// From the flushed request until the head; `None` leaves that to the operation's deadline.
    pub head: Option<Duration>,
    /// Between two pieces of the answer's body.
    pub body_idle: Duration,
    /// From the head until the last byte.
    pub body: Duration,
    /// From the call until the last byte.
    pub attempt: Option<Duration>,
}
