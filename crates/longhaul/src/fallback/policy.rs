use std::time::Duration;

use super::target::Target;
use crate::{
    config::{ConfigError, nonzero},
    model::Class,
};

/// Where else to ask, and when. The default names no target and is off.
///
/// ```
/// use longhaul::fallback::{FallbackPolicy, KeySource, Target};
///
/// // The same relay at another address, with the caller's own key.
/// let mut door = Target::new("second door", "https://eu.relay.example.com");
/// door.key = KeySource::Same(vec!["relay.example.com".to_owned()]);
/// FallbackPolicy::to([door]).validate()?;
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FallbackPolicy {
    /// The endings after which the next target is asked. Default all that were free and may be otherwise elsewhere: an
    /// overload, a service that is not available (a relay without a channel among it), a rate limit, a used-up quota,
    /// a host that is not reached or refuses unread, and an attempt that was not begun. A target may have its own list.
    ///
    /// An ending that may be charged can stand here too; without the same class in `allow_duplicate` it asks nobody.
    pub triggers: Vec<Class>,
    /// Endings that may leave an attempt running and charged, and after which another target is asked all
    /// the same. That is a duplicate: the report says so, and the money for duplicates must reach. Default
    /// none.
    ///
    /// [`Class::IntermediaryCut`] belongs here where the second target is a way around the proxy that cuts.
    pub allow_duplicate: Vec<Class>,
    /// When a target is left alone for a while.
    ///
    /// Where every breaker is open, the first target is asked all the same: a breaker chooses, and refuses nothing.
    pub breaker: BreakerPolicy,
    /// The targets to ask after the one that the request is addressed to, in this order. Default none.
    pub targets: Vec<Target>,
}

impl Default for FallbackPolicy {
    fn default() -> Self {
        Self {
            triggers: vec![
                Class::Overloaded,
                Class::Unavailable,
                Class::RateLimited,
                Class::QuotaExhausted,
                Class::NeverSent,
                Class::Refused,
                Class::NotBegun,
            ],
            allow_duplicate: Vec::new(),
            breaker: BreakerPolicy::default(),
            targets: Vec::new(),
        }
    }
}

impl FallbackPolicy {
    /// The default triggers, with these targets.
    pub fn to(targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            targets: targets.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Refuses targets that cannot work or share a name, and a delivered picture as a reason to ask again.
    ///
    /// ```
    /// use longhaul::{Class, fallback::{FallbackPolicy, Target}};
    ///
    /// let mut policy = FallbackPolicy::to([Target::new("relay", "https://relay.example.com")]);
    /// policy.triggers = vec![Class::Delivered];
    /// assert!(policy.validate().is_err(), "a picture that is here is no reason to ask again");
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_triggers("triggers", &self.triggers)?;
        if let Some(free) = self
            .allow_duplicate
            .iter()
            .find(|class| !class.is_possibly_charged() || **class == Class::Delivered)
        {
            return Err(ConfigError::new(
                "allow_duplicate",
                format!("an attempt that ended as {free} leaves nothing running"),
            ));
        }
        self.breaker
            .validate()
            .map_err(|error| error.under("breaker"))?;
        for (index, target) in self.targets.iter().enumerate() {
            let under = |error: ConfigError| error.under(&format!("targets[{index}]"));
            target.validate().map_err(under)?;
            if self.targets[..index]
                .iter()
                .any(|it| it.name == target.name)
            {
                let name = &target.name;
                let error = ConfigError::new("name", format!("{name:?} names two targets"));
                return Err(under(error));
            }
        }
        Ok(())
    }
}

/// Refuses a picture as a reason for wanting another.
pub(super) fn check_triggers(field: &str, triggers: &[Class]) -> Result<(), ConfigError> {
    if triggers.contains(&Class::Delivered) {
        return Err(ConfigError::new(
            field,
            "a delivered picture is no reason to ask for another",
        ));
    }
    Ok(())
}

/// When a target is left alone for a while, for each model and resolution apart.
///
/// What counts is the number of overloads, never how long a call takes: a 4K picture that takes four
/// minutes says nothing about the target's health, and neither does an attempt without an answer.
///
/// ```
/// use std::time::Duration;
/// use longhaul::policy::Policy;
///
/// let mut policy = Policy::nano_banana_pro();
/// policy.fallback.breaker.overloads = 5;
/// policy.fallback.breaker.open = Duration::from_secs(120);
/// ```
///
/// In memory and for this process: a restart closes all of them.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BreakerPolicy {
    /// So many overloads, with nothing in between that worked, open it; 0 switches it off. Default 3.
    pub overloads: u32,
    /// Overloads are forgotten after this long. Default 5 min.
    #[serde(with = "crate::config::duration")]
    pub window: Duration,
    /// How long it stays open at least; longer where the server asks for a longer wait, up to `window`. Default 60 s.
    #[serde(with = "crate::config::duration")]
    pub open: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            overloads: 3,
            window: Duration::from_secs(300),
            open: Duration::from_secs(60),
        }
    }
}

impl BreakerPolicy {
    fn validate(&self) -> Result<(), ConfigError> {
        nonzero("window", self.window)?;
        nonzero("open", self.open)
    }
}
