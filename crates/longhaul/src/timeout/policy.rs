use std::{sync::Arc, time::Duration};

use http::Extensions;

use crate::{
    config::{ConfigError, bounded, nonzero},
    model::{PerResolution, PictureLimit, Quality, Workload},
};

/// What the network between us and the provider is like, where that is known.
///
/// ```
/// use std::time::Duration;
/// use longhaul::{Resolution, Workload, timeout::{Network, TimeoutPolicy}};
///
/// let mut limits = TimeoutPolicy::default();
/// let small = Workload::of(Resolution::K1);
/// assert_eq!(limits.picture_for(&small), Duration::from_secs(300));
/// limits.network = Some(Network::PeakHours);
/// assert_eq!(limits.picture_for(&small), Duration::from_secs(600), "the longer of size and network counts");
/// ```
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

/// How long the picture may take to begin in each [`Network`], whatever the size.
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
    ///
    /// ```
    /// use longhaul::timeout::{Network, TimeoutPolicy};
    ///
    /// let rows = TimeoutPolicy::default().network_picture;
    /// assert_eq!(rows.of(Network::DataCentre).as_secs(), 300);
    /// assert_eq!(rows.of(Network::CrossBorder).as_secs(), 600);
    /// ```
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
///
/// ```
/// use longhaul::{PerResolution, timeout::{AtLimit, Network, TimeoutPolicy}};
///
/// let mut limits = TimeoutPolicy::default();
/// limits.network = Some(Network::CrossBorder);
/// limits.picture = PerResolution::from_secs(300, 300, 900, 900);
/// limits.at_limit = Some(AtLimit::End);
/// limits.validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TimeoutPolicy {
    /// From the call until the request body is first asked for. Default 20 s.
    #[serde(with = "crate::config::duration")]
    pub start: Duration,
    /// Between two signs of progress while the request is written. Default 30 s.
    ///
    /// Taken from the body or accepted by the connection: either counts. An upload of any size may take as long as it moves.
    #[serde(with = "crate::config::duration")]
    pub write_progress: Duration,
    /// From the flushed request until the picture begins to arrive: a head, whitespace, comments and status events are
    /// no picture. Default 300 s for K1 and K2, 600 s for K4 and Unknown.
    pub picture: PerResolution,
    /// What happens at that limit. Default: the attempt ends where the layer stands alone, and is
    /// [late](crate::Attempt::is_late) below a retry layer, as in a [`Stack`](crate::Stack).
    pub at_limit: Option<AtLimit>,
    /// The network, where it is known; the longer of its row and the size's row counts. Default none.
    pub network: Option<Network>,
    /// The rows of the networks. Default 300 s in a data centre, 600 s elsewhere.
    pub network_picture: NetworkTimeouts,
    /// What each reference image adds to `picture`. Default 0 s.
    ///
    /// This term and the two that follow count what was read of the request. A body that could not be read
    /// has nothing to count: where they are used, `picture.unknown` should have room for the most that is ever
    /// sent. `attempt` and the operation's deadline do not grow with them.
    #[serde(with = "crate::config::duration")]
    pub per_reference: Duration,
    /// What each image beyond the first adds to `picture`. Default 0 s.
    #[serde(with = "crate::config::duration")]
    pub per_extra_image: Duration,
    /// What [`Quality::High`] adds to `picture`, once. Default 0 s.
    #[serde(with = "crate::config::duration")]
    pub high_quality: Duration,
    /// Between two pieces of the answer, once the picture has begun to arrive. Default 120 s.
    ///
    /// There is no limit on the whole answer: one that still arrives is not given up.
    #[serde(with = "crate::config::duration")]
    pub silence: Duration,
    /// From the call until the last byte. Default none: the other clocks and the operation's
    /// [`Deadline`](crate::Deadline) bound it.
    #[serde(with = "crate::config::duration::option")]
    pub attempt: Option<Duration>,
    /// How much longer the picture may take to begin after that limit ran out, as a factor for each time that
    /// happened in the operation: with 1.5, 600 s become 900 s, then 1,350 s. At least 1, at most 10.
    /// Default none: always the same. It moves neither `attempt` nor the operation's deadline.
    pub after_timeout: Option<f64>,
}

/// What happens to an attempt whose picture has not begun to arrive at its limit.
///
/// ```
/// use longhaul::{policy::Policy, timeout::AtLimit};
///
/// // A service that would rather fail at its limit than wait for a picture that may still come.
/// let mut policy = Policy::nano_banana_pro();
/// policy.timeout.at_limit = Some(AtLimit::End);
/// policy.validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum AtLimit {
    /// It ends, with [`Clock::Picture`](crate::error::Clock::Picture): the Nano Banana Pro guide's rule.
    #[default]
    End,
    /// It is marked as [late](crate::Attempt::is_late) and goes on to the operation's [`Deadline`](crate::Deadline): a
    /// paid call is not given up. Without a deadline it ends.
    Late,
}

impl Default for TimeoutPolicy {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(20),
            write_progress: Duration::from_secs(30),
            picture: PerResolution::from_secs(300, 300, 600, 600),
            at_limit: None,
            network: None,
            network_picture: NetworkTimeouts {
                data_centre: Duration::from_secs(300),
                broadband: Duration::from_secs(600),
                cross_border: Duration::from_secs(600),
                peak_hours: Duration::from_secs(600),
            },
            per_reference: Duration::ZERO,
            per_extra_image: Duration::ZERO,
            high_quality: Duration::ZERO,
            silence: Duration::from_secs(120),
            attempt: None,
            after_timeout: None,
        }
    }
}

impl TimeoutPolicy {
    /// How long the picture of an answer to `workload` may take to begin: the longer of the size's row and the network's, and
    /// what reference images, further images and high quality add to it.
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
    /// assert_eq!(limits.picture_for(&workload), Duration::from_secs(300 + 3 * 10 + 60));
    /// ```
    pub fn picture_for(&self, workload: &Workload) -> Duration {
        let by_size = self.picture.of(workload.resolution);
        let row = match self.network {
            Some(network) => by_size.max(self.network_picture.of(network)),
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
    /// limits.silence = Duration::from_secs(300);
    /// request.extensions_mut().insert(limits.for_request()?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`validate`](Self::validate).
    pub fn for_request(self) -> Result<RequestTimeouts, ConfigError> {
        self.validate()?;
        Ok(RequestTimeouts(Arc::new(self)))
    }

    /// Refuses zeros, and limits that can never be reached. What is added to `picture` may be zero.
    ///
    /// ```
    /// use std::time::Duration;
    /// use longhaul::timeout::TimeoutPolicy;
    ///
    /// // It would end each large picture before its own limit does.
    /// let mut limits = TimeoutPolicy::default();
    /// limits.attempt = Some(Duration::from_secs(300));
    /// assert_eq!(limits.validate().unwrap_err().field(), "attempt");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        nonzero("start", self.start)?;
        nonzero("write_progress", self.write_progress)?;
        self.picture
            .validate()
            .map_err(|error| error.under("picture"))?;
        for (name, limit) in [
            ("data_centre", self.network_picture.data_centre),
            ("broadband", self.network_picture.broadband),
            ("cross_border", self.network_picture.cross_border),
            ("peak_hours", self.network_picture.peak_hours),
        ] {
            nonzero(name, limit).map_err(|error| error.under("network_picture"))?;
        }
        nonzero("silence", self.silence)?;
        for (name, more) in [
            ("per_reference", self.per_reference),
            ("per_extra_image", self.per_extra_image),
            ("high_quality", self.high_quality),
        ] {
            bounded(name, more)?;
        }
        if let Some(attempt) = self.attempt {
            nonzero("attempt", attempt)?;
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
        let longest = self.picture_for(&Workload::default());
        match self.attempt {
            Some(attempt) if attempt < longest => Err(ConfigError::new(
                "attempt",
                format!("{attempt:?} is shorter than the longest limit of a picture, {longest:?}"),
            )),
            _ => Ok(()),
        }
    }
}

impl PictureLimit for TimeoutPolicy {
    fn limit(&self, extensions: &Extensions, workload: &Workload) -> Duration {
        match extensions.get::<RequestTimeouts>() {
            Some(own) => own.limits().picture_for(workload),
            None => self.picture_for(workload),
        }
    }
}

/// A [`TimeoutPolicy`] for one request, checked: a request extension that replaces the layer's.
///
/// ```
/// use longhaul::{PerResolution, timeout::{AtLimit, TimeoutPolicy}};
///
/// // A poll is not worth more than 5 s.
/// let mut limits = TimeoutPolicy::default();
/// limits.at_limit = Some(AtLimit::End);
/// limits.picture = PerResolution::from_secs(5, 5, 5, 5);
/// let request = http::Request::get("https://api.example.com/status")
///     .extension(limits.for_request()?)
///     .body(());
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RequestTimeouts(Arc<TimeoutPolicy>);

impl RequestTimeouts {
    /// The limits.
    pub fn limits(&self) -> &TimeoutPolicy {
        &self.0
    }
}
