//! The ways in which providers are asked for a picture, and what a request in one of them asks for.
//!
//! Each dialect is data: which paths are its calls, where in the body its facts stand, what is meant where nothing is said.
//! So what is read of a request can be checked against a provider's documentation line by line.

use http::{HeaderMap, Method, header::ACCEPT, request::Parts};
use percent_encoding::percent_decode_str;

use super::{
    chat,
    facts::{self, RequestFacts},
    form,
    format::BodyFormat,
    gemini, imagen, images, interactions, jobs,
    json::{self, Field, Fields},
    responses,
    value::RequestValue,
};
use crate::model::{Resolution, Workload};

/// Asked in this order. A further dialect is a file and a row.
const DIALECTS: [&RequestDialect; 16] = [
    &images::GENERATIONS,
    &images::EDITS,
    &images::MINIMAX,
    &responses::RESPONSES,
    &chat::COMPLETIONS,
    &gemini::GENERATE_CONTENT,
    &interactions::INTERACTIONS,
    &imagen::PREDICT,
    &jobs::REPLICATE,
    &jobs::FLUX,
    &jobs::WAVESPEED,
    &jobs::FAL,
    &jobs::KREA,
    &jobs::VEO,
    &jobs::SORA,
    &OTHER,
];

/// One way to ask for a picture.
pub(super) struct RequestDialect {
    /// Whether a `POST` to this path, decoded, is one of its calls.
    pub(super) recognises: fn(&str) -> Option<Call<'_>>,
    /// Where in the body the facts stand.
    pub(super) fields: &'static Fields,
    /// Whether its calls may also be forms, with the same fields.
    pub(super) forms: bool,
    /// Whether a request in which this was found asks for images.
    ///
    /// A chat that asks for no picture is not recognised: its answer is neither held nor read for a picture.
    pub(super) asks_for_images: fn(&RequestFacts) -> bool,
    /// What is to be weighed only when all is found, whatever its order was.
    pub(super) settle: fn(&mut RequestFacts),
    /// The size of the pictures when the request names none.
    pub(super) unsaid: fn(&RequestFacts) -> Resolution,
    /// The answer is a ticket, and the images are fetched with it.
    pub(super) is_job: bool,
}

/// What the path of a call says.
pub(super) struct Call<'p> {
    pub(super) model: Option<&'p str>,
}

impl RequestDialect {
    /// A dialect in JSON that recognises nothing and has no default: what is not said is unknown.
    pub(super) const PLAIN: Self = Self {
        recognises: |_| None,
        fields: &Fields::new(&[]),
        forms: false,
        asks_for_images: RequestFacts::has_image_model,
        settle: |_| {},
        unsaid: |_| Resolution::Unknown,
        is_job: false,
    };
}

impl<'p> Call<'p> {
    /// A call whose model is in its body.
    pub(super) const PLAIN: Self = Self { model: None };

    /// `…/models/{model}:{method}`, as Google's calls are written.
    pub(super) fn of_method(path: &'p str, methods: &[&str]) -> Option<Self> {
        let (parent, last) = path.rsplit_once('/')?;
        let (model, method) = last.split_once(':')?;
        let is_one = methods.contains(&method) && parent.ends_with("/models") && !model.is_empty();
        is_one.then_some(Self { model: Some(model) })
    }
}

/// Any other call with JSON: it may name a size in places unknown here, so that only 4K is believed.
const OTHER: RequestDialect = RequestDialect {
    recognises: |_| Some(Call::PLAIN),
    fields: &Fields::new(&[Field::new(&["model"], model_of_other)]),
    ..RequestDialect::PLAIN
};

fn model_of_other(facts: &mut RequestFacts, value: RequestValue<'_>) {
    facts.doubt();
    facts::model(facts, value);
}

/// What a request asks for. `whole` says that `body` is all of its body.
pub(super) fn workload(request: &Parts, body: &[u8], whole: bool) -> Workload {
    if request.method != Method::POST {
        return Workload::default();
    }
    let path = request.uri.path().trim_end_matches('/');
    let decoded = path
        .contains('%')
        .then(|| percent_decode_str(path).decode_utf8());
    let path = match &decoded {
        Some(Ok(decoded)) => decoded.as_ref(),
        _ => path,
    };
    let Some((dialect, call)) = DIALECTS
        .iter()
        .find_map(|dialect| Some((dialect, (dialect.recognises)(path)?)))
    else {
        return Workload::default();
    };
    let mut facts = RequestFacts::default();
    if let Some(model) = call.model {
        facts.name_model(model);
    }
    let understood = match BodyFormat::of(&request.headers) {
        BodyFormat::Json => json::read(body, dialect.fields, &mut facts),
        BodyFormat::Form(boundary) if dialect.forms => {
            form::read(body, boundary, dialect.fields, &mut facts)
        }
        BodyFormat::Form(_) | BodyFormat::Opaque => false,
    };
    let queued = request
        .uri
        .host()
        .is_some_and(|host| host.starts_with("queue."));
    facts.stream |= path.ends_with(":streamGenerateContent") || accepts_events(&request.headers);
    let mut workload = dialect.judge(facts, understood && whole);
    // A queue answers with a ticket.
    workload.recognised &= !queued;
    workload
}

/// Whether the caller takes event streams, and no JSON.
fn accepts_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let kinds = accepted.flat_map(|value| value.split(','));
    let essence = |kind: &str| {
        kind.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    };
    let kinds: Vec<_> = kinds.map(essence).collect();
    let takes = |kind: &str| kinds.iter().any(|taken| taken == kind);
    takes("text/event-stream") && !takes("application/json") && !takes("*/*")
}

impl RequestDialect {
    /// The workload that follows from `facts`, `understood` as a whole or found in a part.
    ///
    /// Doubt goes one way. A size that is too large costs minutes of waiting, one that is too small costs a picture that is
    /// paid for.
    fn judge(&self, mut facts: RequestFacts, understood: bool) -> Workload {
        (self.settle)(&mut facts);
        let asks_for_images = (self.asks_for_images)(&facts);
        let resolution = match facts.named_size() {
            Some(Resolution::K4) => Resolution::K4,
            _ if !(understood && asks_for_images) => Resolution::Unknown,
            Some(named) => named,
            None if facts.open => Resolution::Unknown,
            None => (self.unsaid)(&facts),
        };
        Workload {
            resolution,
            images: facts.images.unwrap_or(1),
            references: facts.references,
            quality: facts.quality,
            recognised: asks_for_images && !self.is_job,
            stream: facts.stream,
            counted: asks_for_images && understood && !facts.images_unclear,
            model: facts.into_model(),
        }
    }
}
