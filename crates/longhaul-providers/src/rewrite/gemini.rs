//! JSON for `:generateContent`.
//!
//! Gemini's field names come in two spellings, `imageConfig` as its documentation of JSON has it and `image_config` as
//! protobuf's mapping also accepts, in any mixture. Each is therefore a [`Key`] of both; where both stand, the
//! camelCase one is believed.
//!
//! Reading is strict, and writing is short. A field that is read and not understood makes the target unfit
//! ([`SkipReason::Field`] names it), since the caller may have meant something by it. What is left out without a word
//! is listed in [`LEFT_OUT`], each because a picture is as good without it. `safetySettings` are left out as well:
//! another provider has rules of its own, which no request can switch off.

use longhaul::fallback::SkipReason;
use serde_json::{Value as Json, json};

use super::{
    size::{self, Size, SizeFields},
    translate::{ImageRequest, Object, Reference, unsayable},
};

/// In the path they stand behind a colon: `/v1beta/models/gemini-3-pro-image:generateContent`. `streamGenerateContent`
/// asks for the same picture, with events.
pub(super) const METHODS: [&str; 2] = ["generateContent", "streamGenerateContent"];

/// A key, as JSON has it and as protobuf also allows it.
type Key = (&'static str, &'static str);

/// Where everything about the picture's form stands.
const CONFIG: Key = ("generationConfig", "generation_config");
/// Within [`CONFIG`]: size and ratio.
const IMAGE: Key = ("imageConfig", "image_config");
/// A word: `1K`, `2K`, `4K`.
const SIZE: Key = ("imageSize", "image_size");
/// One of ten names, such as `16:9`; never a size in pixels.
const RATIO: Key = ("aspectRatio", "aspect_ratio");
/// A reference picture that comes with the request, in base64.
const INLINE: Key = ("inlineData", "inline_data");
/// The media type of such a picture.
const MIME: Key = ("mimeType", "mime_type");

/// Settings that need not be carried over: they steer the text around a picture, and its variety.
const LEFT_OUT: [&str; 12] = [
    "responseModalities",
    "response_modalities",
    "temperature",
    "topP",
    "top_p",
    "topK",
    "top_k",
    "seed",
    "maxOutputTokens",
    "max_output_tokens",
    "thinkingConfig",
    "thinking_config",
];

/// The value of a key in whichever spelling stands there.
fn get(json: &Object, (camel, snake): Key) -> Option<&Json> {
    json.get(camel).or_else(|| json.get(snake))
}

/// Both spellings are removed: a rest of the other one would be refused as unknown.
fn take(json: &mut Object, (camel, snake): Key) -> Option<Json> {
    let snake = json.remove(snake);
    json.remove(camel).or(snake)
}

/// Whether a field's name is this key, in either spelling.
fn is(name: &str, (camel, snake): Key) -> bool {
    name == camel || name == snake
}

/// What the request says about the size, for [`size::fit`]; nothing where it has no image configuration, or one without
/// size and ratio.
///
/// An error names the field whose text is neither a size nor a ratio: an unknown word is not taken as “no size”,
/// because then a 4K picture could come back as 1K.
pub(super) fn said(json: &Object) -> Result<SizeFields, SkipReason> {
    let config = get(json, CONFIG).and_then(Json::as_object);
    let Some(image) = config.and_then(|it| get(it, IMAGE)?.as_object()) else {
        return Ok(SizeFields::default());
    };
    let said = size::read(SizeFields::default(), SIZE.0, get(image, SIZE))?;
    size::read(said, RATIO.0, get(image, RATIO))
}

/// Writes the size in the target's words over that of the request.
///
/// Fields that name neither size nor ratio are left. A ratio for which Gemini has no name makes the target unfit: it
/// would refuse the request, after the hop. Where the target is asked in the request's own words (`Sizes::AsAsked`),
/// nothing is touched.
pub(super) fn resize(json: &mut Object, size: &Size<'_>) -> Result<(), SkipReason> {
    let Some(saying) = &size.said else {
        return Ok(());
    };
    if saying.ratio.is_some_and(|ratio| !ratio.is_named()) {
        return Err(SkipReason::Ratio);
    }
    let image = nested(nested(json, CONFIG)?, IMAGE)?;
    take(image, SIZE);
    take(image, RATIO);
    if let Some(size) = &saying.size {
        image.insert(SIZE.0.to_owned(), size.as_str().into());
    }
    if let Some(ratio) = saying.ratio {
        image.insert(RATIO.0.to_owned(), ratio.to_string().into());
    }
    Ok(())
}

/// The object in a field, made where there is none, in the spelling that is there.
///
/// A second object in the other spelling beside it would be ambiguous to the server.
fn nested(json: &mut Object, (camel, snake): Key) -> Result<&mut Object, SkipReason> {
    let name = if json.contains_key(snake) {
        snake
    } else {
        camel
    };
    let entry = json.entry(name).or_insert_with(|| json!({}));
    entry.as_object_mut().ok_or_else(|| unsayable(camel))
}

/// Reads a request for another dialect; refused is what would be lost.
///
/// What remains after the known fields were taken is what nobody here understands: tools, system instructions, cached
/// content. The first of them is named. The prompt is all texts of the one turn, a line feed between them; references
/// keep their order.
pub(super) fn read(mut json: Object) -> Result<ImageRequest, SkipReason> {
    let contents = json.remove("contents");
    if let Some(config) = take(&mut json, CONFIG) {
        check_config(&config)?;
    }
    // The other provider has rules of its own for what is safe.
    take(&mut json, ("safetySettings", "safety_settings"));
    json.remove("model");
    if let Some(name) = json.keys().next() {
        return Err(unsayable(name));
    }
    let mut request = ImageRequest {
        prompt: String::new(),
        references: Vec::new(),
    };
    for part in only_turn(contents)? {
        read_part(part, &mut request)?;
    }
    if request.prompt.is_empty() {
        return Err(unsayable("contents"));
    }
    Ok(request)
}

/// Refuses settings that change what is made: more than one candidate, and what is not known. `null` says nothing, and
/// passes.
fn check_config(config: &Json) -> Result<(), SkipReason> {
    let config = config.as_object().ok_or_else(|| unsayable(CONFIG.0))?;
    for (name, value) in config {
        let one = is(name, ("candidateCount", "candidate_count")) && value.as_u64() == Some(1);
        if !(one || is(name, IMAGE) || LEFT_OUT.contains(&name.as_str()) || value.is_null()) {
            return Err(unsayable(name));
        }
    }
    let image = get(config, IMAGE).and_then(Json::as_object);
    match image.and_then(|it| it.keys().find(|name| !is(name, SIZE) && !is(name, RATIO))) {
        Some(name) => Err(unsayable(name)),
        None => Ok(()),
    }
}

/// The parts of a conversation that has one turn, the caller's.
///
/// A conversation of several turns edits an earlier picture; the images API has no word for that. A turn of the model's
/// alone is none of the caller's. One object in place of a list is accepted, as Google's own servers do.
fn only_turn(contents: Option<Json>) -> Result<Vec<Json>, SkipReason> {
    let turn = match contents {
        Some(Json::Array(mut turns)) if turns.len() == 1 => turns.pop(),
        Some(turn @ Json::Object(_)) => Some(turn),
        _ => None,
    };
    let Some(Json::Object(mut turn)) = turn else {
        return Err(unsayable("contents"));
    };
    let is_users = turn.get("role").is_none_or(|role| role == "user");
    match turn.remove("parts").filter(|_| is_users) {
        Some(Json::Array(parts)) => Ok(parts),
        Some(part @ Json::Object(_)) => Ok(vec![part]),
        _ => Err(unsayable("contents")),
    }
}

/// A text, or a picture that comes with the request.
///
/// A part with both, with neither, or with anything besides (a file's URI, a thought signature) is refused: leaving it
/// out would change the picture.
fn read_part(part: Json, request: &mut ImageRequest) -> Result<(), SkipReason> {
    let lost = || unsayable("contents.parts");
    let Json::Object(mut part) = part else {
        return Err(lost());
    };
    let text = part.remove("text");
    let inline = take(&mut part, INLINE);
    match (text, inline, part.is_empty()) {
        (Some(Json::String(text)), None, true) => {
            if !request.prompt.is_empty() {
                request.prompt.push('\n');
            }
            request.prompt.push_str(&text);
        }
        (None, Some(Json::Object(mut inline)), true) => {
            let (Some(Json::String(media_type)), Some(Json::String(data))) =
                (take(&mut inline, MIME), inline.remove("data"))
            else {
                return Err(lost());
            };
            request.references.push(Reference { media_type, data });
        }
        _ => return Err(lost()),
    }
    Ok(())
}

/// The request in Gemini's words, without a size: [`resize`] adds that. The model stands in the path and not here.
///
/// Text is asked for beside the image, since not every image model answers with images alone.
pub(super) fn write(request: ImageRequest) -> Object {
    let mut parts = vec![json!({ "text": request.prompt })];
    parts.extend(request.references.into_iter().map(
        |Reference { media_type, data }| {
            json!({ "inlineData": { "mimeType": media_type, "data": data } })
        },
    ));
    let mut json = Object::new();
    json.insert(
        "contents".to_owned(),
        json!([{ "role": "user", "parts": parts }]),
    );
    json.insert(
        CONFIG.0.to_owned(),
        json!({ "responseModalities": ["TEXT", "IMAGE"] }),
    );
    json
}
