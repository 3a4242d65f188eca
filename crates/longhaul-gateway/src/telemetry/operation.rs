//! One operation's numbers, told when its last byte is out.
//!
//! It is dropped with the last byte of the answer, with the turn and the money: whatever way a call ends, it is
//! counted once. What it tells comes from the attempts' outcomes, as the ledger's entries do, so that metrics and
//! books agree.
//!
//! A span's name has the model in it, cut to 100 characters; no attribute has a prompt, a query or a key
//! (`no_secret_is_in_log_page_metrics_errors_or_files`).

use http::{HeaderMap, StatusCode, request::Parts};
use metrics::{Label, counter, histogram};
use tokio::time::Instant;
use tracing::{Span, field::Empty};

use super::{
    history::{EndedCall, History, RequestedCall, RunningCall},
    names::{model_label, operation_name, provider_name},
};
use crate::{
    caller::Caller,
    core::{Attempt, Class, Exposure, Money, Workload},
    dialect::Dialect,
    heartbeat::WantsStream,
    progress::Progress,
    upstream::Upstream,
    wall_clock::now,
};

/// Tells an operation's numbers when it is dropped.
///
/// It is held in the answer's body.
#[derive(Debug)]
pub(crate) struct Measured {
    began: Instant,
    provider: String,
    model: String,
    operation: &'static str,
    progress: Option<Progress>,
    status: Option<StatusCode>,
    asked: RequestedCall,
    history: History,
    entry: u64,
    span: Span,
}

impl Measured {
    /// Of an operation that `head` asks of the upstream.
    ///
    /// The span's parent is the caller's own, where the request has a `traceparent`.
    pub(crate) fn begin(upstream: &Upstream, head: &Parts, history: &History) -> Self {
        let extensions = &head.extensions;
        let workload = extensions.get::<Workload>();
        let model = workload
            .and_then(|workload| workload.model.as_deref())
            .unwrap_or_default();
        let caller = extensions.get::<Caller>();
        let asked = RequestedCall {
            upstream: upstream.name().into(),
            caller: caller.map_or_else(String::new, |caller| caller.name().to_string()),
            model: model.to_owned(),
            resolution: workload
                .map(|workload| workload.resolution)
                .unwrap_or_default(),
        };
        let began = Instant::now();
        let progress: Option<Progress> = extensions.get().cloned();
        let entry = history.begin(RunningCall {
            asked: asked.clone(),
            began,
            progress: progress.clone(),
        });
        let path = head.uri.path();
        let operation = operation_name(Dialect::of_path(path), path);
        let provider = provider_name(upstream.provider());
        let span = span(&asked, operation, provider, extensions, &head.headers);
        span.record("server.address", upstream.host());
        Self {
            began,
            provider: provider.to_owned(),
            model: model_label(model),
            operation,
            progress,
            status: None,
            asked,
            history: history.clone(),
            entry,
            span,
        }
    }

    /// The operation's span: what polls the layers enters it.
    pub(crate) const fn span(&self) -> &Span {
        &self.span
    }

    /// The status that the caller gets; without it, none came.
    pub(crate) const fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn remember(&self, class: Option<Class>) {
        let attempts = self.attempts();
        let cost = possible(&attempts);
        let ended = EndedCall {
            asked: self.asked.clone(),
            at: now(),
            took: self.began.elapsed(),
            class,
            attempts: attempts.len(),
            cost,
            name: self.progress.as_ref().and_then(Progress::name),
            operation: attempts.first().map(Attempt::operation),
        };
        self.history.end(self.entry, ended);
    }

    /// Tells what each attempt cost and how many tokens it counted; returned is the class of the last.
    fn tell_attempts(&self) -> Option<Class> {
        let mut last = None;
        for attempt in self.attempts() {
            if let Some(outcome) = attempt.outcome_now() {
                last = Some(outcome.class);
                self.tell_money(&outcome.exposure);
                self.tell_tokens(&attempt);
            }
        }
        last
    }

    /// What is unknown is counted as nothing here: `longhaul.exposure.unpriced` is where it shows.
    fn tell_money(&self, exposure: &Exposure) {
        let amounts = [
            ("certain", exposure.certain()),
            ("possible", exposure.possible()),
        ];
        for (kind, amount) in amounts {
            let Some(amount) = amount else { continue };
            counter!(
                "longhaul.cost.micros",
                "upstream" => self.asked.upstream.to_string(),
                "caller" => self.asked.caller.clone(),
                "currency" => amount.currency.to_string(),
                "kind" => kind,
            )
            .increment(u64::try_from(amount.micros).unwrap_or_default());
        }
    }

    /// Only where the answer counts them.
    ///
    /// An answer without counts is no answer with zero of them.
    fn tell_tokens(&self, attempt: &Attempt) {
        let evidence = attempt.evidence();
        let counts = [
            ("input", evidence.input_tokens),
            ("output", evidence.output_tokens),
        ];
        for (kind, tokens) in counts {
            let Some(tokens) = tokens else { continue };
            let labels = self.labels("gen_ai.token.type", kind);
            histogram!("gen_ai.client.token.usage", labels).record(tokens as f64);
        }
    }

    /// What the convention wants to know of an operation, and one thing more.
    ///
    /// `error.type` or `gen_ai.token.type` is the one that differs.
    fn labels(&self, name: &'static str, value: &'static str) -> Vec<Label> {
        vec![
            Label::from_static_parts("gen_ai.operation.name", self.operation),
            Label::new("gen_ai.provider.name", self.provider.clone()),
            Label::new("gen_ai.request.model", self.model.clone()),
            Label::new("upstream", self.asked.upstream.to_string()),
            Label::from_static_parts(name, value),
        ]
    }
}

impl Measured {
    /// Fields that no subscriber wants are not computed.
    fn end_span(&self, class: Option<Class>, error: &str) {
        let span = &self.span;
        if span.is_disabled() {
            return;
        }
        let attempts = self.attempts();
        span.record("longhaul.attempts", attempts.len());
        span.record("longhaul.class", class.map_or("NotBegun", Class::name));
        if !error.is_empty() {
            span.record("error.type", error);
            span.record("otel.status_code", "ERROR");
        }
        if let Some(status) = self.status {
            span.record("http.response.status_code", status.as_u16());
        }
        if let Some(most) = possible(&attempts) {
            span.record("longhaul.cost.possible", most.micros as f64 / 1e6);
            span.record("longhaul.cost.currency", most.currency.as_str());
        }
    }

    fn attempts(&self) -> Vec<Attempt> {
        let attempts = self.progress.as_ref().map(Progress::attempts);
        attempts.unwrap_or_default()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let class = self.tell_attempts();
        self.remember(class);
        let name = class.map_or("NotBegun", Class::name);
        // No label where all went well, as the convention has it; Prometheus needs one.
        let error = match class {
            Some(Class::Delivered) => "",
            _ if class.is_none() && self.status.is_some_and(|status| status.is_success()) => "",
            _ => name,
        };
        self.end_span(class, error);
        histogram!(
            "gen_ai.client.operation.duration",
            self.labels("error.type", error)
        )
        .record(self.began.elapsed().as_secs_f64());
        counter!(
            "longhaul.operations",
            "upstream" => self.asked.upstream.to_string(),
            "caller" => self.asked.caller.clone(),
            "class" => name,
        )
        .increment(1);
    }
}

/// The most that all of them together may have cost; `None` where a price is not known.
///
/// Added up over the attempts that have an end; in two currencies there is no sum.
fn possible(attempts: &[Attempt]) -> Option<Money> {
    attempts
        .iter()
        .map(|attempt| attempt.outcome_now()?.exposure.possible())
        .reduce(|sum, cost| sum?.checked_add(cost?))
        .flatten()
}

/// By the convention's names. No prompt, no query and no key is in it.
fn span(
    asked: &RequestedCall,
    operation: &'static str,
    provider: &str,
    extensions: &http::Extensions,
    headers: &HeaderMap,
) -> Span {
    // Whatever a caller calls a model.
    let model: String = asked.model.chars().take(100).collect();
    let workload = extensions.get::<Workload>();
    let images = workload
        .map(|workload| workload.images)
        .filter(|images| *images != 1);
    let span = tracing::info_span!(
        "operation",
        otel.name = format!("{operation} {model}").trim_end(),
        otel.kind = "client",
        otel.status_code = Empty,
        gen_ai.operation.name = operation,
        gen_ai.provider.name = provider,
        gen_ai.request.model = model,
        gen_ai.request.choice.count = images,
        gen_ai.request.stream = extensions.get::<WantsStream>().is_some_and(|wants| wants.0),
        gen_ai.output.type = workload.is_some_and(|workload| workload.recognised).then_some("image"),
        server.address = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
        longhaul.upstream = &*asked.upstream,
        longhaul.caller = asked.caller,
        longhaul.resolution = %asked.resolution,
        longhaul.operation.name = extensions.get::<Progress>().and_then(Progress::name),
        longhaul.attempts = Empty,
        longhaul.class = Empty,
        longhaul.cost.possible = Empty,
        longhaul.cost.currency = Empty,
    );
    #[cfg(feature = "otlp")]
    super::otlp::continue_trace(&span, headers);
    #[cfg(not(feature = "otlp"))]
    let _ = headers;
    span
}

/// A call that was refused before the layers were asked, counted as one of their decisions.
///
/// The others are counted by the layers, through `longhaul::observe::metered`.
pub(crate) fn not_begun(upstream: &str, reason: &str) {
    counter!(
        "longhaul.decisions",
        "upstream" => upstream.to_owned(),
        "decision" => "not_begun",
        "reason" => reason.to_owned(),
    )
    .increment(1);
}
