//! JSON for `/images/generations`: OpenAI's, and that of those who speak like it.
//!
//! “OpenAI's” is a family: aggregators read the size from `resolution`, `imageSize`, `aspect_ratio` or even `quality`.
//! What any of them would read is read here, and removed before the target's own word is written: two sizes in one
//! request are decided by whichever the server looks at first.

use longhaul::fallback::{RatioPlacement, SkipReason};
use serde_json::{Value as Json, json};

use super::{
    size::{self, Size, SizeFields},
    translate::{ImageRequest, Object, Reference, unsayable},
};

/// Fields that aggregators read the size from, and `size` itself.
///
/// Read in this order; where two of them say the same thing, the later one counts.
const SIZE: [&str; 4] = ["size", "resolution", "imageSize", "aspect_ratio"];

/// Fields that need not be carried over: how the answer is to be wrapped, and hints.
///
/// `quality` here is OpenAI's `high` or `low`; where it says `4K`, it was read as a size by the detector.
const LEFT_OUT: [&str; 7] = [
    "model",
    "response_format",
    "user",
    "quality",
    "moderation",
    "watermark",
    "sequential_image_generation",
];

/// What the request says about the size, taken together from all fields that may say it.
pub(super) fn said(json: &Object) -> Result<SizeFields, SkipReason> {
    let mut said = SizeFields::default();
    for field in SIZE {
        said = size::read(said, field, json.get(field))?;
    }
    Ok(said)
}

/// Writes the size in the target's words over that of the request.
///
/// The ratio goes to where the target reads it: nowhere, so that only a square passes; a field; or a sentence after the
/// prompt, for models that have no parameter for it. A square is not said in the prompt, because it is what those
/// models make unasked.
pub(super) fn resize(json: &mut Object, size: &Size<'_>) -> Result<(), SkipReason> {
    let Some(saying) = &size.said else {
        return Ok(());
    };
    for field in SIZE {
        json.remove(field);
    }
    // Some aggregators read `quality: "4K"` as a size.
    let quality = json.get("quality").and_then(Json::as_str);
    if quality.is_some_and(|text| size::keyword(text).is_some()) {
        json.remove("quality");
    }
    if let Some(size) = &saying.size {
        json.insert("size".to_owned(), size.as_str().into());
    }
    match (saying.ratio_in, saying.ratio) {
        (RatioPlacement::Nowhere, ratio) => size::must_be_square(ratio)?,
        (RatioPlacement::Field(field), Some(ratio)) => {
            json.insert(field.clone(), ratio.to_string().into());
        }
        // Without a word, it is a square.
        (RatioPlacement::Prompt, Some(ratio)) if size::must_be_square(Some(ratio)).is_err() => {
            let Some(Json::String(prompt)) = json.get_mut("prompt") else {
                return Err(unsayable("prompt"));
            };
            prompt.push_str(&format!("\n\nAspect ratio {ratio}."));
        }
        (RatioPlacement::Field(_) | RatioPlacement::Prompt, _) => {}
        _ => return Err(SkipReason::Ratio),
    }
    Ok(())
}

/// Puts the target's model in place of the caller's. Without one the caller's own stands: a relay may know it.
pub(super) fn name_model(json: &mut Object, model: Option<&str>) {
    if let Some(model) = model {
        json.insert("model".to_owned(), model.into());
    }
}

/// Reads a request for another dialect; refused is what would be lost.
///
/// `n` may be 1 and `stream` may be `false`: both are what happens without them. A prompt is needed, and has to be a
/// text.
pub(super) fn read(json: Object) -> Result<ImageRequest, SkipReason> {
    let mut prompt = None;
    let mut references = Vec::new();
    for (field, value) in json {
        match (field.as_str(), value) {
            (_, Json::Null) => {}
            ("prompt", Json::String(text)) => prompt = Some(text),
            ("image", value) => references = read_references(value)?,
            ("n", value) if value.as_u64() == Some(1) => {}
            ("stream", Json::Bool(false)) => {}
            (name, _) if SIZE.contains(&name) || LEFT_OUT.contains(&name) => {}
            (name, _) => return Err(unsayable(name)),
        }
    }
    Ok(ImageRequest {
        prompt: prompt.ok_or_else(|| unsayable("prompt"))?,
        references,
    })
}

/// One image or a list of them, as Seedream takes them; only those that come with the request.
///
/// A link is refused: the other provider would have to fetch it, with no key and from another network.
fn read_references(value: Json) -> Result<Vec<Reference>, SkipReason> {
    let images = match value {
        Json::Array(images) => images,
        image => vec![image],
    };
    images
        .iter()
        .map(|image| image.as_str().and_then(data_uri))
        .collect::<Option<_>>()
        .ok_or_else(|| unsayable("image"))
}

/// Reads `data:image/png;base64,…`; `None` for a link, and for data in another encoding.
fn data_uri(text: &str) -> Option<Reference> {
    let (media_type, data) = text.strip_prefix("data:")?.split_once(";base64,")?;
    Some(Reference {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    })
}

/// The request in the words of the images API, without size and model: [`resize`] and [`name_model`] add those.
/// References become data URIs in `image`, the form that Seedream and the aggregators take.
pub(super) fn write(request: ImageRequest) -> Object {
    let mut json = Object::new();
    json.insert("prompt".to_owned(), request.prompt.into());
    if !request.references.is_empty() {
        let uri = |it: &Reference| format!("data:{};base64,{}", it.media_type, it.data);
        let images: Vec<_> = request.references.iter().map(uri).collect();
        json.insert("image".to_owned(), json!(images));
    }
    json
}
