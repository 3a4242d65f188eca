//! JSON for `:generateContent`.

use longhaul::fallback::SkipReason;
use serde_json::{Value as Json, json};

use super::{
    size::{self, Size, SizeFields},
    translate::{ImageRequest, Object, Reference, unsayable},
};

pub(super) const METHODS: [&str; 2] = ["generateContent", "streamGenerateContent"];

/// A key, as JSON has it and as protobuf also allows it.
type Key = (&'static str, &'static str);

const CONFIG: Key = ("generationConfig", "generation_config");
const IMAGE: Key = ("imageConfig", "image_config");
const SIZE: Key = ("imageSize", "image_size");
const RATIO: Key = ("aspectRatio", "aspect_ratio");
const INLINE: Key = ("inlineData", "inline_data");
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

fn get(json: &Object, (camel, snake): Key) -> Option<&Json> {
    json.get(camel).or_else(|| json.get(snake))
}

fn take(json: &mut Object, (camel, snake): Key) -> Option<Json> {
    let snake = json.remove(snake);
    json.remove(camel).or(snake)
}

fn is(name: &str, (camel, snake): Key) -> bool {
    name == camel || name == snake
}

pub(super) fn said(json: &Object) -> Result<SizeFields, SkipReason> {
    let config = get(json, CONFIG).and_then(Json::as_object);
    let Some(image) = config.and_then(|it| get(it, IMAGE)?.as_object()) else {
        return Ok(SizeFields::default());
    };
    let said = size::read(SizeFields::default(), SIZE.0, get(image, SIZE))?;
    size::read(said, RATIO.0, get(image, RATIO))
}

/// Writes the size in the target's words over that of the request.
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
