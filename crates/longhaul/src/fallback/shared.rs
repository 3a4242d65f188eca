use std::sync::Arc;

use super::{breaker::Breakers, policy::FallbackPolicy, rewrite::Rewrite, route::Route};
use crate::{config::ConfigError, model::Class};

/// What all operations share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) routes: Vec<Route>,
    pub(super) triggers: Vec<Class>,
    pub(super) allow_duplicate: Vec<Class>,
    pub(super) breakers: Arc<Breakers>,
}

impl Shared {
    pub(super) fn new(
        policy: FallbackPolicy,
        rewrite: &Arc<dyn Rewrite>,
    ) -> Result<Self, ConfigError> {
        policy.validate()?;
        let route = |(index, target)| {
            let under = |error: ConfigError| error.under(&format!("targets[{index}]"));
            Route::new(target, Arc::clone(rewrite)).map_err(under)
        };
        Ok(Self {
            routes: policy
                .targets
                .into_iter()
                .enumerate()
                .map(route)
                .collect::<Result<_, _>>()?,
            triggers: policy.triggers,
            allow_duplicate: policy.allow_duplicate,
            breakers: Arc::new(Breakers::new(policy.breaker)),
        })
    }
}
