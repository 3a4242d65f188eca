//! The ways in which providers are asked for a picture, and what a request in one of them asks for.

use http::{
    HeaderMap, Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};

use super::{
    facts::{self, Facts, Value},
    gemini,
    json::{self, Field},
    openai,
};
use crate::workload::{Resolution, Workload};

/// Asked in this order. A further dialect is a file and a row.
const DIALECTS: [&Dialect; 3] = [&openai::IMAGES, &gemini::GENERATE_CONTENT, &OTHER];

/// One way to ask for a picture.
pub(super) struct Dialect {
    /// Whether a `POST` to this path is one of its calls.
    pub(super) recognises: fn(&str) -> Option<Call<'_>>,
    /// Where in the JSON the facts stand.
    pub(super) fields: &'static [Field],
    /// Whether a request in which this was found asks for images.
    pub(super) asks_for_images: fn(&Facts) -> bool,
    /// The size of the pictures when the request names none.
    pub(super) unsaid: Resolution,
}

/// What the path of a call says.
pub(super) struct Call<'p> {
    pub(super) model: Option<&'p str>,
}

/// Any other call with JSON: it may name a size in places unknown here, so that only 4K is believed.
const OTHER: Dialect = Dialect {
    recognises: |_| Some(Call { model: None }),
    fields: &[Field::new(&["model"], model_of_other)],
    asks_for_images: Facts::has_image_model,
    unsaid: Resolution::Unknown,
};

fn model_of_other(facts: &mut Facts, value: Value<'_>) {
    facts.doubt();
    facts::model(facts, value);
}

/// What a request asks for. `whole` says that `body` is all of its body.
pub(super) fn workload(request: &Parts, body: &[u8], whole: bool) -> Workload {
    if request.method != Method::POST {
        return Workload::default();
    }
    let path = request.uri.path();
    let Some((dialect, call)) = DIALECTS
        .iter()
        .find_map(|dialect| Some((dialect, (dialect.recognises)(path)?)))
    else {
        return Workload::default();
    };
    let mut facts = Facts::default();
    if let Some(model) = call.model {
        facts.name_model(model);
    }
    let understood =
        is_plain_json(&request.headers) && json::read(body, dialect.fields, &mut facts) && whole;
    dialect.judge(facts, understood)
}

impl Dialect {
    /// The workload that follows from `facts`, `understood` as a whole or found in a part.
    fn judge(&self, facts: Facts, understood: bool) -> Workload {
        let recognised = (self.asks_for_images)(&facts);
        let resolution = match facts.named_size() {
            Some(Resolution::K4) => Resolution::K4,
            _ if !(understood && recognised) => Resolution::Unknown,
            Some(named) => named,
            None if facts.open => Resolution::Unknown,
            None => self.unsaid,
        };
        Workload {
            model: facts.model,
            resolution,
            images: facts.images.unwrap_or(1),
            references: facts.references,
            recognised,
        }
    }
}

/// Whether the body is JSON as it stands. No content type is no objection.
fn is_plain_json(headers: &HeaderMap) -> bool {
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let json = headers
        .get_all(CONTENT_TYPE)
        .iter()
        .all(|media_type| media_type.to_str().is_ok_and(is_json));
    plain && json
}

/// `application/json; charset=utf-8`, `application/vnd.example+json`, `text/json`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.split_once('/').is_some_and(|(_, subtype)| {
        let format = subtype.rsplit('+').next().unwrap_or_default();
        format.eq_ignore_ascii_case("json")
    })
}
