//! The unary answer, from what was told of a task that has ended.
//!
//! The caller asked for a unary answer and gets one: the same document, under the status that the unary call would have
//! had. A classifier, a price table or the caller's own code cannot tell the difference, except by the header
//! `x-longhaul-task` and the [`TaskReport`](super::TaskReport) in the extensions. The picture is never copied: it is a
//! slice of the last poll's answer.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
    response::Parts,
};
use serde_json::{json, value::RawValue};

use super::{
    codes,
    dialect::{Dialect, From},
    told::Told,
};
use crate::{exchange::JoinedBody, json};

/// The header of an answer that says which task it was.
///
/// A support request names the task by it, also where extensions do not reach: through a gateway.
pub(super) const TASK_HEADER: HeaderName = HeaderName::from_static("x-longhaul-task");

/// The unary answer in its parts: what the caller gets, without a head yet.
#[derive(Debug, PartialEq)]
pub(crate) struct Unary {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    /// Whether the document has a picture in it, by the places that the dialect names.
    pub(crate) picture: bool,
}

/// The unary answer of a task that has ended so, as an answer with this status told.
///
/// A result without a place for a picture is an answer without one. A failure that is told at a URL of its own, as a
/// status, is the unary answer as it is.
pub(super) fn ended(dialect: &Dialect, how: &Told, status: StatusCode, body: Bytes) -> Unary {
    let unary = match how {
        Told::Done => done(dialect, &body),
        Told::Failed if dialect.result.from == From::Fetched => None,
        how => Some(failed(dialect, how, &body)),
    };
    unary.unwrap_or(Unary {
        status,
        body,
        picture: false,
    })
}

/// The unary answer of a task that is done. `None` where the place of the result holds nothing.
///
/// Links (fal, Replicate) are not followed: the caller gets links from the unary call too. With `from = "links"` the
/// document is made here, in the form of the images API.
fn done(dialect: &Dialect, body: &Bytes) -> Option<Unary> {
    let document = json::document(body)?;
    let row = &dialect.result;
    let at = || row.at.as_ref()?.first(document);
    let text = match row.from {
        From::Answer | From::Fetched => body.clone(),
        From::Field => body.slice_ref(at()?.get().as_bytes()),
        From::Links => links(row.at.as_ref()?.all(document)),
    };
    Some(Unary {
        status: StatusCode::OK,
        picture: has_picture(dialect, &text),
        body: text,
    })
}

/// Whether a unary answer has a picture in it.
///
/// Asked of the unary answer and not of the task's state: `completed` with an empty list is an answer without a
/// picture.
fn has_picture(dialect: &Dialect, body: &Bytes) -> bool {
    json::document(body).is_some_and(|document| {
        let mut places = dialect.result.pictures.iter();
        places.any(|place| place.is_filled(document))
    })
}

/// A document in the form of the images API, `{"data": [{"url": …}]}`, with these links.
fn links(found: Vec<&RawValue>) -> Bytes {
    let urls = found.into_iter().filter_map(json::text);
    let data: Vec<_> = urls.map(|url| json!({ "url": url })).collect();
    json!({ "data": data }).to_string().into()
}

/// The status and the document that the unary call would have had.
///
/// The status is, in this order: what the task itself tells, what its code means in the table of [`codes`], 500. The
/// document is the task's error object under `error`, or the whole answer where that is the error, or one that is made
/// of the code.
///
/// A task that was cut short for a reason that the table does not know (`max_output_tokens`) is no failure: it is
/// answered with 200 and whatever came until then, as the unary call is.
pub(crate) fn failed(dialect: &Dialect, how: &Told, body: &Bytes) -> Unary {
    let row = &dialect.failure;
    let document = json::document(body);
    let found = |path: &crate::JsonPath| document.and_then(|document| path.text(document));
    let code = row.code.iter().find_map(found);
    let told = row.status.as_ref().and_then(found);
    let told = told.and_then(|status| StatusCode::from_u16(status.parse().ok()?).ok());
    let told = told.filter(|status| status.as_u16() >= 400);
    let status = told.unwrap_or_else(|| codes::status(code.as_deref()));
    let unary = |status, body| Unary {
        status,
        body,
        picture: false,
    };
    // It ended early for want of tokens, or for a reason that is no failure, before its picture or after it.
    if *how == Told::CutShort && status == StatusCode::INTERNAL_SERVER_ERROR {
        return Unary {
            picture: has_picture(dialect, body),
            ..unary(StatusCode::OK, body.clone())
        };
    }
    let error = row
        .error
        .as_ref()
        .zip(document)
        .and_then(|(at, document)| at.first(document));
    let error = error.filter(|error| error.get().starts_with('{'));
    let text = match (error, how) {
        (Some(error), _) => format!("{{\"error\":{}}}", error.get()),
        // The whole document is the error.
        (None, Told::Failed) if document.is_some() => return unary(status, body.clone()),
        (None, how) => {
            let word = if *how == Told::Cancelled {
                "cancelled"
            } else {
                "failed"
            };
            let code = code.unwrap_or_else(|| word.to_owned());
            let message = format!("The provider ended the task: {code}.");
            json!({ "error": { "message": message, "type": code, "code": code } }).to_string()
        }
    };
    unary(status, text.into())
}

/// Whether a task that failed says that somebody cancelled it.
///
/// Some APIs have no state for it, and end a cancelled task as failed with such a code.
pub(super) fn says_cancelled(dialect: &Dialect, body: &Bytes) -> bool {
    let Some(document) = json::document(body) else {
        return false;
    };
    let mut codes = dialect.failure.code.iter();
    let code = codes.find_map(|path| path.text(document));
    code.is_some_and(|code| code.to_ascii_lowercase().starts_with("cancel"))
}

/// The answer with the head that the last poll came with, as far as it is about the answer.
///
/// Length and type are those of the document that is handed on, since the poll's own described another one.
pub(crate) fn response<R>(head: &Parts, unary: Unary) -> Response<JoinedBody<R>> {
    let length = unary.body.len();
    let mut response = Response::new(JoinedBody::whole([unary.body]));
    *response.status_mut() = unary.status;
    let headers = response.headers_mut();
    *headers = kept(&head.headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, length.into());
    response
}

/// Ids, and what OpenAI says of itself.
///
/// All names that end in `request-id`, `cf-ray`, and `openai-…`: what a provider's support asks for, and nothing that
/// describes the poll.
pub(crate) fn kept(headers: &HeaderMap) -> HeaderMap {
    let is_kept = |name: &HeaderName| {
        let name = name.as_str();
        name.ends_with("request-id") || name == "cf-ray" || name.starts_with("openai-")
    };
    let kept = headers.iter().filter(|(name, _)| is_kept(name));
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn row(name: &str) -> &'static Dialect {
        Dialect::shipped()
            .iter()
            .find(|row| row.name() == name)
            .unwrap()
    }

    #[test]
    fn a_field_is_handed_on_without_a_copy() {
        let text = body(r#"{"status":"completed","result":{"data":[{"b64_json":"abc"}]}}"#);
        let unary = done(row("sub2api"), &text).unwrap();
        assert_eq!(unary.body, r#"{"data":[{"b64_json":"abc"}]}"#);
        assert!(text.as_ptr_range().contains(&unary.body.as_ptr()));
        assert!(unary.picture);
    }

    #[test]
    fn an_answer_is_judged_by_its_picture_and_not_by_an_items_state() {
        let with = body(
            r#"{"status":"completed","output":[{"type":"image_generation_call","status":"generating","result":"abc"}]}"#,
        );
        assert_eq!(done(row("openai-responses"), &with).unwrap().body, with);
        assert!(done(row("openai-responses"), &with).unwrap().picture);
        let without = body(r#"{"status":"completed","output":[]}"#);
        assert!(!done(row("openai-responses"), &without).unwrap().picture);
    }

    #[test]
    fn what_was_cut_short_after_its_picture_has_one() {
        let dialect = row("openai-responses");
        for (result, picture) in [("abc", true), ("", false)] {
            let text = format!(
                r#"{{"status":"incomplete","incomplete_details":{{"reason":"max_output_tokens"}},"output":[{{"type":"image_generation_call","result":"{result}"}}]}}"#
            );
            let unary = failed(dialect, &Told::CutShort, &body(&text));
            assert_eq!((unary.status, unary.picture), (StatusCode::OK, picture));
        }
    }

    #[test]
    fn links_become_an_answer_of_the_images_api() {
        let mut dialect = row("sub2api").clone();
        dialect.result.from = From::Links;
        dialect.result.at = Some("result.images[].url[]".parse().unwrap());
        for url in [r#""https://a""#, r#"["https://a"]"#] {
            let text = format!(r#"{{"result":{{"images":[{{"url":{url}}}]}}}}"#);
            assert_eq!(
                done(&dialect, &body(&text)).unwrap().body,
                r#"{"data":[{"url":"https://a"}]}"#
            );
        }
    }

    #[test]
    fn a_failure_has_the_status_and_error_of_the_unary_call() {
        let of = |name: &str, how: Told, text: &str| {
            let unary = failed(row(name), &how, &body(text));
            (
                unary.status.as_u16(),
                String::from_utf8(unary.body.to_vec()).unwrap(),
            )
        };
        assert_eq!(
            of(
                "sub2api",
                Told::Failed,
                r#"{"http_status":422,"error":{"code":"x"}}"#
            ),
            (422, r#"{"error":{"code":"x"}}"#.to_owned())
        );
        assert_eq!(
            of(
                "sub2api",
                Told::Failed,
                r#"{"http_status":200,"error":{"code":"x"}}"#
            )
            .0,
            500
        );
        assert_eq!(
            of(
                "openai-responses",
                Told::Failed,
                r#"{"error":{"code":"rate_limit_exceeded"}}"#
            )
            .0,
            429
        );
        let (status, text) = of(
            "openai-responses",
            Told::CutShort,
            r#"{"error":null,"incomplete_details":{"reason":"content_filter"}}"#,
        );
        assert!(
            status == 400 && text.contains(r#""code":"content_filter""#),
            "{text}"
        );
        let cut = r#"{"incomplete_details":{"reason":"max_output_tokens"},"output":[]}"#;
        assert_eq!(
            of("openai-responses", Told::CutShort, cut),
            (200, cut.to_owned())
        );
        let (status, text) = of("openai-responses", Told::Cancelled, r#"{"error":null}"#);
        assert!(status == 500 && text.contains("cancelled"), "{text}");
        let replicate = r#"{"error":"invalid_prompt: no","status":"failed"}"#;
        assert_eq!(
            of("replicate", Told::Failed, replicate),
            (400, replicate.to_owned())
        );
    }
}
