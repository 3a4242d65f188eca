//! What labels and spans call a provider, an operation and a model.
//!
//! The convention is OpenTelemetry's for generative AI: dashboards that know it show this gateway without a change.
//! Where it has no name, ours begins with `longhaul`.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::dialect::Dialect;

/// Models that become labels.
///
/// For the life of the process; a label of a metric is kept by Prometheus for as long as it keeps anything.
const MODELS: usize = 100;

/// What the convention calls a provider; others keep their own names.
pub(super) fn provider_name(provider: &str) -> &str {
    match provider {
        "api.openai.com" => "openai",
        "generativelanguage.googleapis.com" => "gcp.gemini",
        "aiplatform.googleapis.com" => "gcp.vertex_ai",
        "api.x.ai" => "x_ai",
        azure if azure.ends_with(".openai.azure.com") => "azure.ai.openai",
        vertex if vertex.ends_with("-aiplatform.googleapis.com") => "gcp.vertex_ai",
        own => own,
    }
}

/// OpenTelemetry has no operation for images; its own for the others.
pub(super) fn operation_name(dialect: Dialect, path: &str) -> &'static str {
    match dialect {
        Dialect::Google => "generate_content",
        Dialect::OpenAi if path.contains("/images/") => "image_generation",
        Dialect::OpenAi => "chat",
    }
}

/// A caller can name any model: what is stored for ever is bounded.
///
/// The first hundred names win; a name over 100 bytes never does. A caller that sends random names fills the list,
/// and costs nothing beyond it.
pub(super) fn model_label(model: &str) -> String {
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
