//! What follows from the configuration and can change while the gateway runs.
//!
//! Immutable: a reload makes another one and swaps the `Arc`. A request that has begun keeps the one that it began
//! with, so that the key it was let in by, the upstream and the limits are always of one configuration.

use std::{collections::HashMap, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, request::Parts};
use http_body_util::Full;
use longhaul::body::behind_mark;
use memchr::memmem;
use metrics::gauge;

use crate::{
    body::ReadLimits,
    caller::Callers,
    config::Config,
    core::ConfigError,
    detach::EndsWithCaller,
    dialect::Dialect,
    forward::copy_out,
    heartbeat::{Silent, WantsStream},
    money::Account,
    refusal::Refusal,
    replay::{ExpectedCost, respond_async},
    telemetry::History,
    upstream::{Books, Upstream, no_upstream},
    workload,
};

/// Callers, upstreams and limits.
#[derive(Debug)]
pub(super) struct Routing {
    pub(super) callers: Callers,
    /// Of callers with a cap, by name.
    pub(super) accounts: HashMap<Arc<str>, Account>,
    upstreams: Vec<Upstream>,
    /// Whether operations are remembered, and can be come back for.
    gives_tickets: bool,
    pub(super) limits: ReadLimits,
}

impl Routing {
    pub(super) fn new(
        config: &Config,
        gives_tickets: bool,
        accounts: HashMap<Arc<str>, Account>,
        books: &Books,
        history: &History,
    ) -> Result<Self, ConfigError> {
        let mut upstreams = Vec::with_capacity(config.upstreams.len());
        for (index, upstream) in config.upstreams.iter().enumerate() {
            let observer = longhaul::observe::metered([("upstream", upstream.name.as_str())]);
            let upstream =
                Upstream::new(upstream.clone(), &config.limits, books, observer, history)
                    .map_err(|error| error.under(&format!("upstreams[{index}]")))?;
            upstreams.push(upstream);
        }
        Ok(Self {
            callers: Callers::new(&config.keys),
            accounts,
            upstreams,
            gives_tickets,
            limits: ReadLimits::from(&config.limits),
        })
    }

    pub(super) fn in_flight(&self) -> usize {
        self.upstreams.iter().map(Upstream::in_flight).sum()
    }

    /// Tells how many calls each upstream has.
    pub(super) fn measure(&self) {
        for upstream in &self.upstreams {
            let turns = upstream.turns().counts();
            tell(upstream.name(), upstream.in_flight(), turns);
        }
    }

    /// Tells that upstreams which `next` has no more have no calls: a gauge that is no longer told keeps its last value.
    pub(super) fn measure_gone(&self, next: &Self) {
        let is_gone = |one: &&Upstream| {
            next.upstreams
                .iter()
                .all(|other| other.name() != one.name())
        };
        for upstream in self.upstreams.iter().filter(is_gone) {
            tell(upstream.name(), 0, (0, 0));
        }
    }

    pub(super) fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// The upstreams whose paths and hosts fit; at least one.
    ///
    /// All that fit, and not the first: which one it is may depend on the model, which is in the body.
    pub(super) fn fitting(&self, path: &str, host: Option<&str>) -> Result<Vec<Upstream>, Refusal> {
        let fitting: Vec<_> = self
            .upstreams
            .iter()
            .filter(|upstream| upstream.fits_head(path, host))
            .cloned()
            .collect();
        if fitting.is_empty() {
            return Err(no_upstream());
        }
        Ok(fitting)
    }

    /// Reads the body, and chooses the first upstream whose models fit. All that the layers must know is in the
    /// extensions then.
    ///
    /// The extensions are how the layers above an upstream learn of its configuration: `Patience`, `Silent`,
    /// `EndsWithCaller`, `ExpectedCost`, `WantsStream`, and the `Upstream` itself. Layers that find none of them
    /// behave as by default.
    pub(super) async fn choose(
        &self,
        fitting: Vec<Upstream>,
        mut head: Parts,
        body: Body,
    ) -> Result<Request<Full<Bytes>>, Refusal> {
        let body = self.limits.read(body).await?;
        copy_out(&mut head);
        let workload = workload::read(&mut head, &body).await;
        let upstream = fitting
            .into_iter()
            .find(|upstream| upstream.fits_model(workload.model.as_deref()))
            .ok_or_else(no_upstream)?;
        let config = upstream.config();
        // Who comes later waits for a ticket, which a sign of life would spoil, where there are tickets.
        let waits_for_ticket = self.gives_tickets && respond_async(&head.headers).is_some();
        let silent = !config.heartbeat || waits_for_ticket;
        let extensions = &mut head.extensions;
        extensions.insert(config.patience);
        if silent {
            extensions.insert(Silent);
        }
        if !config.detach {
            extensions.insert(EndsWithCaller);
        }
        if let Some(price) = upstream.price(&workload) {
            extensions.insert(ExpectedCost(price));
        }
        // A form says it as well. A path of Gemini's alone does not: without `alt=sse` it streams JSON.
        let by_form = workload.stream && Dialect::of_path(head.uri.path()) == Dialect::OpenAi;
        if by_form || asks_for_stream(&body) {
            extensions.insert(WantsStream(true));
        }
        extensions.insert(upstream);
        Ok(Request::from_parts(head, Full::from(body)))
    }
}

/// How many calls an upstream has, and how many places are taken and waited for.
fn tell(upstream: &str, in_flight: usize, (taken, waiting): (usize, usize)) {
    let name = upstream.to_owned();
    gauge!("longhaul.in_flight", "upstream" => name.clone()).set(in_flight as f64);
    gauge!("longhaul.turns", "upstream" => name.clone(), "state" => "taken").set(taken as f64);
    gauge!("longhaul.turns", "upstream" => name, "state" => "waiting").set(waiting as f64);
}

/// Whether the body's JSON has `"stream": true`.
///
/// Only at the top of the JSON, and only `true`: a prompt that speaks of streams must not turn the answer into one.
fn asks_for_stream(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Asked {
        #[serde(default)]
        stream: Option<serde_json::Value>,
    }
    // Most bodies do not name it, and are not read for it.
    memmem::find(body, b"\"stream\"").is_some()
        && serde_json::from_slice::<Asked>(behind_mark(body))
            .is_ok_and(|asked| asked.stream == Some(serde_json::Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_asked_for_at_the_top_of_the_body() {
        for body in [
            r#"{"model": "x", "stream" : true}"#,
            "\u{feff}{\"stream\": true}",
        ] {
            assert!(asks_for_stream(body.as_bytes()), "{body}");
        }
        for body in [
            &br#"{"stream": false}"#[..],
            br#"{"a": {"stream": true}}"#,
            br#"{"prompt": "\"stream\": true"}"#,
            b"stream",
            b"",
        ] {
            assert!(!asks_for_stream(body), "{}", String::from_utf8_lossy(body));
        }
    }

    #[tokio::test]
    async fn a_form_asks_for_a_stream_as_a_body_of_json_does() {
        let config = "[[upstreams]]\nname = 'a'\nurl = 'http://127.0.0.1:9'";
        let config = Config::from_toml(config).unwrap();
        let books = Books::Memory(longhaul::billing::MemoryLedger::new());
        let routing =
            Routing::new(&config, true, HashMap::new(), &books, &History::default()).unwrap();
        for (value, asks) in [("true", true), ("false", false)] {
            let field = |name: &str, value: &str| {
                format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            };
            let form = field("model", "gpt-image-2") + &field("stream", value) + "--b--\r\n";
            let request = Request::post("/v1/images/edits")
                .header("content-type", "multipart/form-data; boundary=b")
                .body(())
                .unwrap();
            let fitting = routing.fitting("/v1/images/edits", None).unwrap();
            let head = request.into_parts().0;
            let request = routing.choose(fitting, head, Body::from(form)).await;
            let request = request.unwrap();
            let found = request.extensions().get::<WantsStream>();
            assert_eq!(found.is_some_and(|wants| wants.0), asks);
        }
    }
}
