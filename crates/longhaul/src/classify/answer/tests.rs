use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn headers(kind: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
    headers
}

/// The facts, and whether it broke off, with the body in these pieces.
fn watch<'a>(kind: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> (AnswerFacts, bool) {
    let mut watcher = AnswerWatcher::of(&headers(kind));
    for piece in pieces {
        watcher.data(piece);
    }
    (watcher.facts(true), watcher.is_broken_off())
}

fn is_complete(pieces: &[&str]) -> bool {
    !watch(
        "application/json",
        pieces.iter().map(|piece| piece.as_bytes()),
    )
    .1
}

#[test]
fn brackets_in_strings_do_not_count() {
    assert!(is_complete(&[r#"{"a":"}]\"{["}"#]));
    assert!(
        is_complete(&[r#"{"a":"x\"#, r#"""#, r#"""#, "}"]),
        "an escape across pieces"
    );
    assert!(!is_complete(&[r#"{"a":"}"#]));
    assert!(!is_complete(&["", "   "]));
    assert!(is_complete(&["\n\n  ", "{}", " \n"]));
}

#[test]
fn keys_in_strings_and_values_in_unknown_places_do_not_count() {
    let text = r#"{"text":"{\"b64_json\":\"AA\"}","type":"url","a":{"result":"AA"},"url":""}"#;
    let (facts, _) = watch("application/json", [text.as_bytes()]);
    assert_eq!(facts.evidence.images, 0);
}

#[test]
fn lines_of_a_stream_end_in_any_way_and_begin_behind_a_mark() {
    let text = "\u{feff}data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\"}\n\n\
                event: image_generation.completed\ndata: {\"b64_json\":\ndata: \"AAAA\"}\n\n\
                data: {\"cut\": [\n\nid: 7\ndata: {\"b64_json\":\"AAAA\"}\n\ndata: [DONE]\n\n";
    for end in ["\n", "\r\n", "\r"] {
        let text = text.replace('\n', end);
        for step in [1, 2, 3, 7, 1000] {
            let mut watcher = AnswerWatcher::of(&headers("text/event-stream"));
            for piece in text.as_bytes().chunks(step) {
                watcher.data(piece);
            }
            let evidence = watcher.facts(true).evidence;
            let seen = (evidence.images, evidence.drafts, watcher.is_whole());
            assert_eq!(seen, (2, 1, true), "{end:?} {step}");
        }
    }
}

#[test]
fn the_first_byte_tells_json_from_events_whatever_the_head_says() {
    const JSON: &str =
        "{\"error\":{\"code\":\"insufficient_quota\"},\"data\":[{\"b64_json\":\"AAAA\"}]}";
    let kinds = ["application/json", "text/event-stream"];
    let bodies = [
        (JSON.to_owned(), BodyKind::Json),
        (
            format!("data: {JSON}\n\ndata: [DONE]\n\n"),
            BodyKind::Events,
        ),
        (
            format!(": ping\n\nevent: x\ndata: {JSON}\n\n"),
            BodyKind::Events,
        ),
    ];
    for (body, kind) in &bodies {
        for head in kinds {
            for begin in ["", "\n \n", "\u{feff}"] {
                let body = format!("{begin}{body}");
                for step in [1, 2, 1000] {
                    let (facts, broken_off) = watch(head, body.as_bytes().chunks(step));
                    let found = (facts.kind, facts.evidence.images, broken_off);
                    assert_eq!(found, (*kind, 1, false), "{head} {body} {step}");
                }
            }
        }
    }
}

#[test]
fn what_holds_no_json_says_nothing() {
    for body in [
        "<style>{\"error\":{\"code\":\"x\"}}</style>",
        "\u{89}PNG{\"url\":\"x\"}",
        "12",
        "null",
    ] {
        let (facts, _) = watch("text/html", [body.as_bytes()]);
        assert!(!facts.json && facts.error.is_none() && facts.evidence.images == 0);
    }
}

#[test]
fn nothing_is_held_of_a_picture_and_little_of_a_long_message() {
    let picture = "A".repeat(1_000_000);
    let body =
        format!(r#"{{"data":[{{"b64_json":"{picture}"}}],"error":{{"message":"{picture}"}}}}"#);
    let (facts, _) = watch("application/json", [body.as_bytes()]);
    assert_eq!(facts.evidence.images, 1);
    assert_eq!(facts.error.unwrap().message().unwrap().len(), 4096);
}

#[test]
fn garbage_is_no_picture() {
    let long = "\u{56fe}".repeat(100);
    for (text, images) in [
        (&b"\xff\xfe\x00"[..], 0),
        (b"\xff", 0),
        (b"iVBORw0KGgo\x80AAA", 0),
        (b"iVBORw0KGgo\x00AAA", 0),
        (b"\\u0000\\u0001", 0),
        (b"iVBORw0KGgo=", 1),
        (b"iVBO_w0-Ggo", 1),
        (b"iVBO\\r\\nRw0K\\n", 1),
        (b"iVBORw0KGgo\\u003d", 1),
        (b"data:image/png;base64,iVBO", 1),
        (b"pictures/1.png?size=2K", 1),
        ("https://\u{56fe}.example/\u{1f34c}".as_bytes(), 1),
        (b"https://example.com/\\ud83c\\udf4c", 1),
        (long.as_bytes(), 1),
    ] {
        let body = [br#"{"data":[{"b64_json":""#, text, br#""}]}"#].concat();
        for step in [1, 7, 1000] {
            let (facts, _) = watch("application/json", body.chunks(step));
            let text = text.escape_ascii();
            assert_eq!(facts.evidence.images, images, "{text}, in pieces of {step}");
        }
    }
}

#[test]
fn an_answer_ends_with_its_last_bracket_however_deep() {
    for (opens, closes) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [127, 128, 129, 1000] {
            let open = opens.repeat(depth) + "1";
            assert!(is_complete(&[&open, &closes.repeat(depth)]));
            assert!(!is_complete(&[&open, &closes.repeat(depth - 1)]));
        }
    }
}

#[test]
fn an_error_at_the_end_of_a_long_stream_is_read() {
    let mut stream: String = (0..200)
        .map(|n| format!("data: {{\"type\":\"event\",\"status\":\"queued\",\"n\":{n}}}\n\n"))
        .collect();
    stream += "data: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\"}\n\n";
    let (facts, _) = watch("text/event-stream", [stream.as_bytes()]);
    let error = facts.root_error.unwrap();
    assert_eq!(error.code(), Some("rate_limit_exceeded"));
}

#[test]
fn no_answer_makes_the_notes_grow_without_end() {
    let id = |n: u32| json!({"request_id": format!("id{n}"), "message": "m"});
    let body = json!({"error": (0..10_000).map(id).collect::<Vec<_>>()}).to_string();
    let deep = "[".repeat(100_000) + r#"{"url":"x"}"#;
    for body in [body, deep] {
        let (facts, _) = watch("application/json", [body.as_bytes()]);
        assert!(facts.evidence.request_ids.len() <= 8);
        assert!(
            facts
                .error
                .is_none_or(|error| error.all(AnswerKey::Message).count() <= 32)
        );
    }
}

#[test]
fn an_event_that_breaks_off_does_not_spoil_the_next() {
    let stream = "event: x\r\ndata: {\"a\":[\"half\r\n\r\ndata: {\"usage\":\r\ndata: {\"cost\":0.5}}\r\n\r\n";
    let (facts, _) = watch("text/event-stream", [stream.as_bytes()]);
    assert_eq!(
        facts.evidence.cost_micros,
        Some(500_000),
        "one event over two lines"
    );
}

#[test]
fn tokens_are_counted_as_each_provider_names_them() {
    for usage in [
        r#"{"usage":{"input_tokens":32,"output_tokens":64,"input_tokens_details":{"text_tokens":30}}}"#,
        r#"{"usage":{"prompt_tokens":32,"completion_tokens":64,"total_tokens":96}}"#,
        r#"{"usageMetadata":{"promptTokenCount":32,"candidatesTokenCount":64}}"#,
    ] {
        let (facts, _) = watch("application/json", [usage.as_bytes()]);
        let told = (facts.evidence.input_tokens, facts.evidence.output_tokens);
        assert_eq!(told, (Some(32), Some(64)), "{usage}");
    }
}

/// Something like an answer, of known keys and others.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        Just("STOP".to_owned()),
        Just("\"\\\u{1f600}é".to_owned())
    ];
    let leaf = prop_oneof![
        text.prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(serde_json::Value::Null),
    ];
    let key = prop_oneof![
        Just("data"),
        Just("url"),
        Just("error"),
        Just("code"),
        Just("message"),
        Just("thought"),
        Just("finishReason"),
        Just("output"),
        Just("result"),
        Just("usage"),
        Just("cost"),
        Just("responseId"),
        Just("content"),
        Just("other"),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..5).prop_map(|fields| fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn the_facts_do_not_depend_on_the_pieces(
        document in document(),
        step in 1_usize..9,
        pretty: bool,
        stream: bool,
    ) {
        let text = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            document.to_string()
        };
        let (kind, text) = if stream {
            ("text/event-stream", format!("event: x\ndata: {}\n\n", text.replace('\n', "\ndata: ")))
        } else {
            ("application/json", text)
        };
        let whole = watch(kind, [text.as_bytes()]);
        prop_assert_eq!(&whole, &watch(kind, text.as_bytes().chunks(step)));
    }

    #[test]
    fn any_bytes_have_facts_whatever_the_pieces(
        body in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b'{'), Just(b'\\')], 0..300),
        step in 1_usize..9,
        kind in prop_oneof![Just("application/json"), Just("text/event-stream"), Just("text/html"), Just("image/png")],
    ) {
        let whole = watch(kind, [&body[..]]);
        prop_assert_eq!(&whole, &watch(kind, body.chunks(step)));
    }

    #[test]
    fn a_document_is_complete_whole_and_never_when_cut(
        text in "[a-z\\\\\"{}\\[\\]]{0,40}",
        cut in 0_usize..200,
        step in 1_usize..7,
    ) {
        let document = json!({"a": [text, {"b": text}]}).to_string();
        prop_assert!(!watch("application/json", document.as_bytes().chunks(step)).1);
        let cut = cut % document.len();
        prop_assert!(watch("application/json", [&document.as_bytes()[..cut]]).1);
    }
}
