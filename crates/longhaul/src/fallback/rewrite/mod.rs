//! The request in the words of another target.
//!
//! A new JSON body is built from the parsed one. What the target cannot be told is never left out in
//! silence: the target is passed over, and the report names the field.

mod gemini;
mod openai;
mod size;

use bytes::Bytes;
use serde_json::{Map, Value as Json};

use super::{
    report::SkipReason,
    target::{Dialect, Target, Value},
};
use crate::model::{Resolution, Workload};

type Object = Map<String, Json>;

/// The body of a request for a target, and what it asks for.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) body: Bytes,
    pub(super) workload: Workload,
}

/// What a request asks for, in no dialect.
#[derive(Debug)]
struct ImageRequest {
    prompt: String,
    references: Vec<Reference>,
}

/// A reference image.
#[derive(Debug)]
struct Reference {
    media_type: String,
    /// In base64.
    data: String,
}

/// The dialect of a request, by its path.
pub(super) fn dialect_of(path: &str) -> Option<Dialect> {
    let gemini = || {
        let (parent, last) = path.rsplit_once('/')?;
        let (_, method) = last.split_once(':')?;
        (parent.ends_with("/models") && gemini::METHODS.contains(&method))
            .then_some(Dialect::Gemini)
    };
    if path.ends_with("/images/generations") {
        return Some(Dialect::OpenAiImages);
    }
    gemini()
}

/// The body for `target` of a request in the dialect `from` with this body.
pub(super) fn rewrite(
    target: &Target,
    from: Option<Dialect>,
    body: &Bytes,
    workload: &Workload,
) -> Result<Rewritten, SkipReason> {
    if target.max_images.is_some_and(|most| workload.images > most) {
        return Err(SkipReason::Images);
    }
    check_references(target, workload.references as usize)?;
    let (body, resolution) = match target.dialect {
        Dialect::Passthrough => {
            let resolution = workload.resolution;
            if target.resolutions.fit(resolution) != Some(resolution) {
                return Err(SkipReason::Resolution);
            }
            (body.clone(), resolution)
        }
        dialect => {
            let json = serde_json::from_slice(body).map_err(|_| SkipReason::Dialect)?;
            let from = from.ok_or(SkipReason::Dialect)?;
            let (json, resolution) = translate(target, from, dialect, json, workload)?;
            let body = serde_json::to_vec(&json).expect("a tree of JSON can be written");
            (Bytes::from(body), resolution)
        }
    };
    let mut workload = workload.clone();
    workload.resolution = resolution;
    if let Some(model) = &target.model {
        workload.model = Some(model.as_str().into());
    }
    Ok(Rewritten { body, workload })
}

fn translate(
    target: &Target,
    from: Dialect,
    to: Dialect,
    mut json: Object,
    workload: &Workload,
) -> Result<(Object, Resolution), SkipReason> {
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
        json.entry(name).or_insert_with(|| value.into());
    }
    Ok((json, size.resolution))
}

fn checked(target: &Target, wish: ImageRequest) -> Result<ImageRequest, SkipReason> {
    check_references(target, wish.references.len())?;
    Ok(wish)
}

fn check_references(target: &Target, references: usize) -> Result<(), SkipReason> {
    match target.max_references {
        Some(most) if references > most as usize => Err(SkipReason::References),
        _ => Ok(()),
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Flag(flag) => (*flag).into(),
            Value::Number(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
        }
    }
}

/// A field that the target cannot be told.
fn unsayable(field: &str) -> SkipReason {
    SkipReason::Field(field.into())
}
