//! A target, ready to be asked.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{self, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
    request::Parts,
};

use super::{
    key::Key,
    place::Place,
    report::SkipReason,
    rewrite::{self, Rewritten},
    target::{Dialect, Target},
};
use crate::{
    config::ConfigError,
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
    place: Place,
    provider: Provider,
    key: Key,
}

impl Route {
    /// Finds the key, and refuses a target that cannot work.
    pub(super) fn new(target: Target) -> Result<Self, ConfigError> {
        target.validate()?;
        let place = Place::parse(&target.url).map_err(|why| ConfigError::new("url", why))?;
        let provider = match &target.provider {
            Some(name) => name.as_str().into(),
            None => place.host().to_ascii_lowercase(),
        };
        Ok(Self {
            name: target.name.as_str().into(),
            key: Key::find(&target)?,
            provider: Provider::new(provider),
            place,
            target,
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

    /// Whether it gets a body of its own; else it shares the caller's.
    pub(super) fn writes_anew(&self) -> bool {
        self.target.dialect != Dialect::Passthrough
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
        let from = rewrite::dialect_of(callers.uri.path());
        let Rewritten { body, workload } = rewrite::rewrite(&self.target, from, body, workload)?;
        let mut head = callers.clone();
        head.uri = self.uri(&callers.uri, from, &workload, same_key)?;
        head.headers = self.headers(&callers.headers, same_key, used);
        if self.writes_anew() {
            let json = HeaderValue::from_static("application/json");
            head.headers.insert(CONTENT_TYPE, json);
        }
        head.headers.insert(CONTENT_LENGTH, body.len().into());
        head.extensions.insert(workload);
        head.extensions.insert(self.provider.clone());
        Ok((head, body))
    }

    /// Whether the caller's key goes with the request; refused where it would go to a stranger.
    fn shares_key_with(&self, callers: &Uri) -> Result<bool, SkipReason> {
        let Key::Same(hosts) = &self.key else {
            return Ok(false);
        };
        let host = callers.host().ok_or(SkipReason::Key)?;
        let known = host.eq_ignore_ascii_case(self.place.host())
            || hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        known.then_some(true).ok_or(SkipReason::Key)
    }

    fn uri(
        &self,
        callers: &Uri,
        from: Option<Dialect>,
        workload: &Workload,
        same_key: bool,
    ) -> Result<Uri, SkipReason> {
        let to = self.target.dialect;
        let same_words = to == Dialect::Passthrough || from == Some(to);
        let path = match to {
            Dialect::Passthrough => callers.path(),
            Dialect::OpenAiImages if same_words && self.target.model.is_none() => callers.path(),
            Dialect::OpenAiImages => "/v1/images/generations",
            Dialect::Gemini if callers.path().ends_with(":streamGenerateContent") => {
                "/v1beta/models/{model}:streamGenerateContent"
            }
            Dialect::Gemini => "/v1beta/models/{model}:generateContent",
        };
        let query = callers.query().filter(|_| same_words);
        let query = match query {
            Some(query) if !same_key => query.split('&').find(|it| it.starts_with("alt=")),
            query => query,
        };
        self.place
            .uri(path, workload.model.as_deref(), query)
            .ok_or_else(|| SkipReason::Field("model".into()))
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
        let mut headers: HeaderMap = callers
            .iter()
            .filter(|(name, value)| passes(name, value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Key::Put(name, value) = &self.key {
            headers.insert(name, value.clone());
        }
        headers
    }
}
