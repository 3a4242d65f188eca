//! One operation's numbers, told when its last byte is out.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use http::StatusCode;
use metrics::{counter, histogram};
use tokio::time::Instant;

use super::history::{Asked, Ended, History, Running};
use crate::{
    caller::Caller,
    core::{Attempt, Class, Workload},
    dialect::Dialect,
    progress::Progress,
    wall_clock::now,
};

/// Models that become labels.
const MODELS: usize = 100;

/// Tells an operation's numbers when it is dropped.
#[derive(Debug)]
pub(crate) struct Measured {
    began: Instant,
    upstream: Arc<str>,
    provider: String,
    model: String,
    operation: &'static str,
    caller: String,
    progress: Option<Progress>,
    status: Option<StatusCode>,
    asked: Asked,
    history: History,
    entry: u64,
}

impl Measured {
    pub(crate) fn begin(
        upstream: &str,
        provider: &str,
        dialect: Dialect,
        path: &str,
        extensions: &http::Extensions,
        history: &History,
    ) -> Self {
        let workload = extensions.get::<Workload>();
        let model = workload
            .and_then(|workload| workload.model.as_deref())
            .unwrap_or_default();
        let caller = extensions.get::<Caller>();
        let asked = Asked {
            upstream: upstream.into(),
            caller: caller.map_or_else(String::new, |caller| caller.name().to_string()),
            model: model.to_owned(),
            resolution: workload
                .map(|workload| workload.resolution)
                .unwrap_or_default(),
        };
        let began = Instant::now();
        let progress: Option<Progress> = extensions.get().cloned();
        let entry = history.begin(Running {
            asked: asked.clone(),
            began,
            progress: progress.clone(),
        });
        Self {
            began,
            upstream: upstream.into(),
            provider: provider.to_owned(),
            model: label(model),
            operation: operation(dialect, path),
            caller: asked.caller.clone(),
            progress,
            status: None,
            asked,
            history: history.clone(),
            entry,
        }
    }

    pub(crate) const fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    fn remember(&self, class: Option<Class>) {
        let attempts = self
            .progress
            .as_ref()
            .map(Progress::attempts)
            .unwrap_or_default();
        let cost = attempts
            .iter()
            .map(|attempt| attempt.outcome_now()?.exposure.possible())
            .reduce(|sum, cost| sum?.checked_add(cost?))
            .flatten();
        let ended = Ended {
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

    fn tell_attempts(&self) -> Option<Class> {
        let attempts = self.progress.as_ref()?.attempts();
        let mut last = None;
        for attempt in attempts {
            let Some(outcome) = attempt.outcome_now() else {
                continue;
            };
            last = Some(outcome.class);
            counter!(
                "longhaul.attempts",
                "upstream" => self.upstream.to_string(),
                "class" => outcome.class.name(),
                "phase" => outcome.phase.name(),
                "end" => outcome.end.name(),
            )
            .increment(1);
            let amounts = [
                ("certain", outcome.exposure.certain()),
                ("possible", outcome.exposure.possible()),
            ];
            for (kind, amount) in amounts {
                let Some(amount) = amount else { continue };
                counter!(
                    "longhaul.cost.micros",
                    "upstream" => self.upstream.to_string(),
                    "caller" => self.caller.clone(),
                    "currency" => amount.currency.to_string(),
                    "kind" => kind,
                )
                .increment(u64::try_from(amount.micros).unwrap_or_default());
            }
        }
        last
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
        histogram!(
            "gen_ai.client.operation.duration",
            "gen_ai.operation.name" => self.operation,
            "gen_ai.provider.name" => self.provider.clone(),
            "gen_ai.request.model" => self.model.clone(),
            "upstream" => self.upstream.to_string(),
            "error.type" => error,
        )
        .record(self.began.elapsed().as_secs_f64());
        counter!(
            "longhaul.operations",
            "upstream" => self.upstream.to_string(),
            "caller" => self.caller.clone(),
            "class" => name,
        )
        .increment(1);
    }
}

/// OpenTelemetry has no operation for images; its own for the others.
fn operation(dialect: Dialect, path: &str) -> &'static str {
    match dialect {
        Dialect::Google => "generate_content",
        Dialect::OpenAi if path.contains("/images/") => "image_generation",
        Dialect::OpenAi => "chat",
    }
}

/// A caller can name any model: what is stored for ever is bounded.
fn label(model: &str) -> String {
    static KNOWN: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    let fits = model.len() <= 100 && (known.contains(model) || known.len() < MODELS);
    if !fits {
        return "other".to_owned();
    }
    known.insert(model.to_owned());
    model.to_owned()
}
