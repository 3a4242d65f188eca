//! One operation's numbers, told when its last byte is out.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use http::StatusCode;
use metrics::{counter, histogram};
use tokio::time::Instant;

use crate::{
    caller::Caller,
    core::{Class, Workload},
    dialect::Dialect,
    progress::Progress,
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
}

impl Measured {
    pub(crate) fn begin(
        upstream: &str,
        provider: &str,
        dialect: Dialect,
        path: &str,
        extensions: &http::Extensions,
    ) -> Self {
        let model = extensions
            .get::<Workload>()
            .and_then(|workload| workload.model.as_deref())
            .unwrap_or_default();
        Self {
            began: Instant::now(),
            upstream: upstream.into(),
            provider: provider.to_owned(),
            model: label(model),
            operation: operation(dialect, path),
            caller: extensions
                .get::<Caller>()
                .map_or_else(String::new, |caller| caller.name().to_string()),
            progress: extensions.get().cloned(),
            status: None,
        }
    }

    pub(crate) const fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
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
