use super::*;

fn event(name: &str, data: &str) -> Event {
    Event::Data {
        name: name.to_owned(),
        data: Bytes::copy_from_slice(data.as_bytes()),
    }
}

fn text(finished: &Finished) -> String {
    String::from_utf8(finished.pieces.concat()).unwrap()
}

#[test]
fn a_response_is_handed_on_byte_for_byte_and_without_a_copy() {
    let mut assembly = Assembly::new(Api::Responses, 1);
    let event = event(
        "response.completed",
        r#"{"type":"response.completed","response":{ "id" : "r", "output":[{"result":"abc"}] },"sequence_number":9}"#,
    );
    let Event::Data { data, .. } = &event else {
        panic!()
    };
    let finished = assembly.take(&event).unwrap();
    assert_eq!(
        text(&finished),
        r#"{ "id" : "r", "output":[{"result":"abc"}] }"#
    );
    assert!(data.as_ptr_range().contains(&finished.pieces[0].as_ptr()));
}

#[test]
fn an_event_is_known_by_its_type_where_it_has_no_name() {
    let mut assembly = Assembly::new(Api::Responses, 1);
    assert_eq!(
        assembly.take(&event("", r#"{"type":"keepalive","sequence_number":3}"#)),
        None
    );
    let last = event("", r#"{"type":"response.completed","response":{}}"#);
    assert_eq!(text(&assembly.take(&last).unwrap()), "{}");
    assert_eq!((assembly.report.pings, assembly.report.events), (1, 1));
}

#[test]
fn images_come_in_order_with_their_usage_added_up() {
    let completed = |mark: &str| {
        let data = format!(
            r#"{{"type":"image_generation.completed","b64_json":"{mark}","created_at":5,"size":"1x1","quality":"high",
            "background":"opaque","output_format":"png","usage":{{"total_tokens":7,"input_tokens_details":{{"text_tokens":2}}}}}}"#
        );
        event("image_generation.completed", &data)
    };
    let mut one = Assembly::new(Api::Images, 1);
    assert_eq!(
        text(&one.take(&completed("a")).unwrap()),
        r#"{"created":5,"background":"opaque","output_format":"png","quality":"high","size":"1x1","data":[{"b64_json":"a"}],"usage":{"total_tokens":7,"input_tokens_details":{"text_tokens":2}}}"#
    );
    let mut two = Assembly::new(Api::Images, 2);
    assert_eq!(two.take(&completed("a")), None);
    let both: Value = serde_json::from_str(&text(&two.take(&completed("b")).unwrap())).unwrap();
    assert_eq!(
        both["data"],
        serde_json::json!([{ "b64_json": "a" }, { "b64_json": "b" }])
    );
    assert_eq!(both["usage"]["total_tokens"], 14);
    assert_eq!(both["usage"]["input_tokens_details"]["text_tokens"], 4);

    let mut short = Assembly::new(Api::Images, 3);
    assert_eq!(
        (short.take(&completed("a")), short.ended().is_some()),
        (None, true)
    );
    assert_eq!(Assembly::new(Api::Images, 1).ended(), None);
}

#[test]
fn a_picture_of_40_mb_is_handed_on_as_a_part_of_its_event() {
    let mut assembly = Assembly::new(Api::Images, 1);
    let picture = "A".repeat(40 << 20);
    let data = format!(r#"{{"type":"image_generation.completed","b64_json":"{picture}"}}"#);
    let data = Bytes::from(data);
    let event = Event::Data {
        name: "image_generation.completed".to_owned(),
        data: data.clone(),
    };
    let finished = assembly.take(&event).unwrap();
    // Beside it there is only what an answer has around a picture.
    let (within, around): (Vec<_>, Vec<_>) = finished
        .pieces
        .iter()
        .partition(|piece| data.as_ptr_range().contains(&piece.as_ptr()));
    assert_eq!(within.len(), 1);
    assert_eq!(within[0].len(), picture.len() + 2);
    assert!(around.iter().map(|piece| piece.len()).sum::<usize>() < 100);
}

#[test]
fn a_link_instead_of_a_picture_is_handed_on_as_one() {
    let mut assembly = Assembly::new(Api::Images, 1);
    let link = event(
        "image_generation.completed",
        r#"{"type":"image_generation.completed","url":"https://a"}"#,
    );
    assert_eq!(
        text(&assembly.take(&link).unwrap()),
        r#"{"data":[{"url":"https://a"}]}"#
    );
}

#[test]
fn errors_have_the_status_of_the_unary_call() {
    for (api, name, data, status) in [
        (
            Api::Images,
            "error",
            r#"{"type":"error","error":{"code":"rate_limit_exceeded"}}"#,
            429,
        ),
        (
            Api::Images,
            "error",
            r#"{"error":{"code":"moderation_blocked"}}"#,
            400,
        ),
        (
            Api::Images,
            "",
            r#"{"error":{"type":"invalid_request_error"}}"#,
            400,
        ),
        (Api::Images, "error", r#"{"error":{"http_code":503}}"#, 503),
        (Api::Images, "error", r#"{"error":{"code":"odd"}}"#, 502),
        (
            Api::Responses,
            "error",
            r#"{"type":"error","code":"server_error","message":"x"}"#,
            500,
        ),
        (
            Api::Responses,
            "response.failed",
            r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#,
            500,
        ),
        (
            Api::Responses,
            "response.incomplete",
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"content_filter"}}}"#,
            400,
        ),
    ] {
        let finished = Assembly::new(api, 1).take(&event(name, data)).unwrap();
        assert_eq!(finished.status, status, "{data}");
        let body: Value = serde_json::from_str(&text(&finished)).unwrap();
        assert!(body["error"].is_object(), "{body}");
    }
}

#[test]
fn partial_images_are_counted_and_end_nothing() {
    let mut assembly = Assembly::new(Api::Images, 1);
    let partial_image = Event::Passed {
        name: "image_generation.partial_image".to_owned(),
    };
    assert_eq!(assembly.take(&partial_image), None);
    assert_eq!(assembly.take(&event("", "[DONE]")), None);
    assert_eq!(assembly.take(&Event::Comment), None);
    assert_eq!(assembly.report.partial_image_tokens(), 100);
    assert_eq!((assembly.report.events, assembly.report.pings), (2, 1));
}
