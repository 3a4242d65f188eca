//! A target, ready to be asked.
//!
//! Everything that must be the same for every target, whoever rewrites its requests: which of the caller's headers go along,
//! where the request is addressed, and that a key goes to its own target only. A [`Rewrite`] is called in between and sees no
//! key (`a_stranger_sees_nothing_of_the_callers_keys`).

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{self, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
    request::Parts,
    uri::PathAndQuery,
};

use super::{
    key::{TargetKey, path_of},
    origin::TargetOrigin,
    report::SkipReason,
    rewrite::Rewrite,
    target::{Dialect, Target},
};
use crate::{
    config::{ConfigError, hosts},
    model::{Class, Provider, Workload},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a stranger is told of the caller's headers: nothing that can hold a key.
const TOLD: [HeaderName; 8] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::USER_AGENT,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    target: Target,
    place: TargetOrigin,
    provider: Provider,
    key: TargetKey,
    rewrite: Arc<dyn Rewrite>,
}

impl Route {
    /// Finds the key, and refuses a target that cannot work, or that `rewrite` makes no requests for.
    pub(super) fn new(target: Target, rewrite: Arc<dyn Rewrite>) -> Result<Self, ConfigError> {
        target.validate()?;
        rewrite.check(&target)?;
        let place = TargetOrigin::parse(&target.url).map_err(|why| ConfigError::new("url", why))?;
        let provider = match &target.provider {
            Some(name) => name.as_str().into(),
            None => place.host().to_ascii_lowercase(),
        };
        Ok(Self {
            name: target.name.as_str().into(),
            key: TargetKey::find(&target.key, rewrite.key_place(&target))?,
            provider: Provider::new(provider),
            place,
            target,
            rewrite,
        })
    }

    /// Whether it is asked after `class`, where the policy's own list is `triggers`.
    pub(super) fn is_asked_after(&self, class: Class, triggers: &[Class]) -> bool {
        let own = self.target.triggers.as_deref();
        own.unwrap_or(triggers).contains(&class)
    }

    /// How it is asked.
    pub(super) fn dialect(&self) -> Dialect {
        self.target.dialect
    }

    /// The request for it, made of the caller's. `used` is an idempotency key that was sent elsewhere.
    pub(super) fn request(
        &self,
        callers: &Parts,
        body: &Bytes,
        workload: &Workload,
        used: Option<&HeaderValue>,
    ) -> Result<(Parts, Bytes), SkipReason> {
        let same_key = self.shares_key_with(&callers.uri)?;
        self.target.can_make(workload)?;
        let mut head = callers.clone();
        let path = if same_key {
            path_of(&callers.uri)
        } else {
            without_keys(&callers.uri)?
        };
        head.uri = self.place.at(path).ok_or(SkipReason::Url)?;
        head.headers = self.headers(&callers.headers, same_key, used);
        head.extensions.insert(workload.clone());
        head.extensions.insert(self.provider.clone());
        let (mut head, body) = self.rewrite.rewrite(&self.target, head, body.clone())?;
        self.key.address(&self.place, &mut head)?;
        head.headers.insert(CONTENT_LENGTH, body.len().into());
        Ok((head, body))
    }

    /// Whether the caller's key goes with the request; refused where it would go to a stranger.
    fn shares_key_with(&self, callers: &Uri) -> Result<bool, SkipReason> {
        let TargetKey::Same(known) = &self.key else {
            return Ok(false);
        };
        let host = callers.host().ok_or(SkipReason::Key)?;
        let known = host.eq_ignore_ascii_case(self.place.host())
            || known.iter().any(|known| hosts::matches(known, host));
        known.then_some(true).ok_or(SkipReason::Key)
    }

    fn headers(
        &self,
        callers: &HeaderMap,
        same_key: bool,
        used: Option<&HeaderValue>,
    ) -> HeaderMap {
        let passes = |name: &HeaderName, value: &HeaderValue| {
            if same_key {
                let of_the_first = [HOST, TRANSFER_ENCODING, IDEMPOTENCY_KEY].contains(name);
                !of_the_first && used != Some(value)
            } else {
                TOLD.contains(name) && !value.is_sensitive()
            }
        };
        callers
            .iter()
            .filter(|(name, value)| passes(name, value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// What a stranger is told of the caller's path and query: of the query nothing but `alt`.
fn without_keys(callers: &Uri) -> Result<PathAndQuery, SkipReason> {
    let alt = callers
        .query()
        .and_then(|query| query.split('&').find(|it| it.starts_with("alt=")));
    let path = path_of(callers);
    let told = match alt {
        Some(alt) => format!("{}?{alt}", path.path()),
        None => path.path().to_owned(),
    };
    told.parse().map_err(|_| SkipReason::Url)
}
