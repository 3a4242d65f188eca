//! OpenAI's Responses API, where a model of words has the picture made by a tool.
//!
//! The picture is an item of the output, with its base64 in it. With `background` a response is a task, with `stream` a
//! stream of events; all three end in the same document.

use serde_json::{Value, json};

use super::{Dialect, Frame, Refusal, Work, size};

/// What a request asks for: the tool says the size. Background mode without storing is refused, as OpenAI refuses it.
pub(super) fn read(body: &Value) -> Result<Work, Refusal> {
    let bad = |message: &str| Refusal::BadRequest(message.to_owned());
    if body["input"].is_null() {
        return Err(bad("Missing required parameter: 'input'."));
    }
    let tool = body["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|tool| tool["type"] == "image_generation")
        .ok_or_else(|| bad("This provider makes pictures: 'tools' needs 'image_generation'."))?;
    if body["background"] == true && body["store"] == false {
        return Err(bad("Background mode requires 'store' to be true."));
    }
    let text = tool["size"].as_str().unwrap_or("auto");
    let (width, height) = match text {
        "auto" => (1024, 1024),
        _ => size::of_pixels(text)
            .ok_or_else(|| bad(&format!("Invalid value for 'tools[0].size': '{text}'.")))?,
    };
    Ok(Work {
        dialect: Dialect::Responses,
        model: body["model"].as_str().unwrap_or("gpt-5.1").to_owned(),
        resolution: size::class((width, height)),
        width,
        height,
        images: 1,
        links: false,
    })
}

/// The response while it is made, or with its end, as its `status` says.
pub(crate) fn response(frame: &Frame<'_>, id: &str, status: &str, output: Vec<Value>) -> Value {
    let tokens = frame.work.resolution.output_tokens() * output.len() as u64;
    json!({
        "id": id,
        "object": "response",
        "created_at": frame.created,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "model": frame.work.model,
        "output": output,
        "usage": { "input_tokens": 32, "output_tokens": 64, "total_tokens": 96 },
        "tool_usage": { "image_gen": { "input_tokens": 32, "output_tokens": tokens, "total_tokens": 32 + tokens } },
    })
}

/// One picture of the output. Its own status still reads `generating`, as it was seen to in completed responses.
pub(crate) fn item(frame: &Frame<'_>, mark: &str) -> Value {
    json!({
        "id": format!("ig_{mark}"),
        "type": "image_generation_call",
        "status": "generating",
        "action": "generate",
        "background": "opaque",
        "output_format": "png",
        "quality": "high",
        "size": format!("{}x{}", frame.work.width, frame.work.height),
        "result": mark,
    })
}

/// The id of the response to a request.
pub(crate) fn id(request_id: &str) -> String {
    request_id.replacen("req_", "resp_", 1)
}

/// The whole response, done.
pub(super) fn with_pictures<'a>(frame: &Frame<'_>, marks: impl Iterator<Item = &'a str>) -> Value {
    let items = marks.map(|mark| item(frame, mark)).collect();
    response(frame, &id(frame.request_id), "completed", items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_says_the_size() {
        let work = read(&json!({
            "input": "a cat", "model": "gpt-5.1", "tools": [{ "type": "image_generation", "size": "3840x2160" }],
        }));
        assert_eq!(work.unwrap().width, 3840);
    }

    #[test]
    fn what_asks_for_no_picture_is_refused() {
        for body in [
            json!({ "input": "a cat" }),
            json!({ "tools": [{ "type": "image_generation" }] }),
            json!({
                "input": "p", "background": true, "store": false, "tools": [{ "type": "image_generation" }],
            }),
        ] {
            assert!(matches!(read(&body), Err(Refusal::BadRequest(_))), "{body}");
        }
    }
}
