//! The body of a request in the words of another target.
//!
//! A new JSON body is built from the parsed one. What the target cannot be told is never left out in
//! silence: the target is passed over, and the report names the field.
//!
//! The order matters. The target's `remove` comes first, so that a field that it is known to ignore does not make it
//! unfit. Then the size is read from the request's own fields, the body is brought into the other dialect, and the size
//! is written in the new words. The target's `set` comes last, and only where the request does not already say
//! something.

use bytes::Bytes;
use longhaul::{
    Resolution, Workload,
    fallback::{Dialect, FieldValue, SkipReason, Target},
};
use serde_json::{Map, Value as Json};

use super::{gemini, openai, size};

pub(super) type Object = Map<String, Json>;

/// What a request asks for, in no dialect.
///
/// It is what both dialects can say. What one of them alone can say is refused when it is read.
#[derive(Debug)]
pub(super) struct ImageRequest {
    pub(super) prompt: String,
    pub(super) references: Vec<Reference>,
}

/// A reference image.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) media_type: String,
    /// The file, in base64.
    pub(super) data: String,
}

/// The dialect of a request, by its path.
///
/// `None` for all other calls: image edits, which are multipart, and Responses have no form here, so that a target that
/// needs translation is passed over with [`SkipReason::Dialect`].
pub(super) fn dialect_of(path: &str) -> Option<Dialect> {
    if path.ends_with("/images/generations") {
        return Some(Dialect::OpenAiImages);
    }
    let (parent, last) = path.rsplit_once('/')?;
    let (_, method) = last.split_once(':')?;
    (parent.ends_with("/models") && gemini::METHODS.contains(&method)).then_some(Dialect::Gemini)
}

/// The body for `target` of a request in the dialect `from` with this body, and which resolution it asks for.
///
/// The whole body is parsed into a tree: reference images are copied twice on this way, once into the tree and once out
/// of it. It happens on the hop to another target alone.
pub(super) fn body(
    target: &Target,
    from: Option<Dialect>,
    body: &Bytes,
    workload: &Workload,
) -> Result<(Bytes, Resolution), SkipReason> {
    let json = serde_json::from_slice(body).map_err(|_| SkipReason::Dialect)?;
    let from = from.ok_or(SkipReason::Dialect)?;
    let (json, resolution) = translate(target, from, json, workload)?;
    let body = serde_json::to_vec(&json).expect("a tree of JSON can be written");
    Ok((body.into(), resolution))
}

/// One tree into another. Within one dialect the request keeps all its fields but those of the size and the model;
/// between two, it is built anew from the [`ImageRequest`].
fn translate(
    target: &Target,
    from: Dialect,
    mut json: Object,
    workload: &Workload,
) -> Result<(Object, Resolution), SkipReason> {
    let to = target.dialect;
    for field in &target.remove {
        json.remove(field);
    }
    let said = match from {
        Dialect::Gemini => gemini::said(&json)?,
        _ => openai::said(&json)?,
    };
    let size = size::fit(target, &said, workload.resolution)?;
    let mut json = match (from, to) {
        (Dialect::Gemini, Dialect::Gemini) | (Dialect::OpenAiImages, Dialect::OpenAiImages) => json,
        _ if size.is_as_asked() => return Err(SkipReason::Dialect),
        (Dialect::Gemini, _) => openai::write(checked(target, gemini::read(json)?)?),
        _ => gemini::write(checked(target, openai::read(json)?)?),
    };
    match to {
        Dialect::Gemini => gemini::resize(&mut json, &size)?,
        _ => {
            openai::resize(&mut json, &size)?;
            let model = target.model.as_deref().or(workload.model.as_deref());
            openai::name_model(&mut json, model);
        }
    }
    for (name, value) in &target.set {
        json.entry(name).or_insert_with(|| json_of(value));
    }
    Ok((json, size.resolution))
}

/// The same, unless it comes with more references than the target takes: without a detector, only the body shows that.
fn checked(target: &Target, request: ImageRequest) -> Result<ImageRequest, SkipReason> {
    match target.max_references {
        Some(most) if request.references.len() > most as usize => Err(SkipReason::References),
        _ => Ok(request),
    }
}

/// A value of a target's `set`, as JSON.
fn json_of(value: &FieldValue) -> Json {
    serde_json::to_value(value).expect("a flag, a number or a text is JSON")
}

/// The reason for passing a target over that has no word for this field.
pub(super) fn unsayable(field: &str) -> SkipReason {
    SkipReason::Field(field.into())
}
