//! What holds of every request, sensible or not.

use proptest::prelude::*;

use super::{requests::*, *};

proptest! {
    #[test]
    fn detection_is_total(
        path in path(),
        body in prop::collection::vec(any::<u8>(), 0..200),
        whole in any::<bool>(),
    ) {
        dialect::workload(&post(path), &body, whole);
    }

    #[test]
    fn detection_is_total_on_what_looks_like_a_request(
        path in path(),
        pieces in prop::collection::vec(piece(), 0..30),
        whole in any::<bool>(),
    ) {
        let body = pieces.concat();
        let found = dialect::workload(&post(path), body.as_bytes(), whole);
        let sound = serde_json::from_str::<serde_json::Value>(&body).is_ok_and(|v| v.is_object());
        if !(sound && whole) {
            prop_assert!(matches!(found.resolution, Resolution::K4 | Resolution::Unknown));
        }
    }

    #[test]
    fn detection_is_total_on_what_looks_like_a_form(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "--b", "\r\n--b", "--", "\r\n", "\n", "Content-Disposition: form-data; name=size",
            "Content-Disposition: form-data; name=\"size\"; filename=\"x\"", "Content-Disposition:",
            ";", "=", "\"", "\\", "name", "4K", "1K", "\0", "é",
        ]), 0..30),
    ) {
        let body = pieces.concat();
        let found = detect_form(body.as_bytes()).resolution;
        if !body.trim_end().ends_with("--b--") {
            prop_assert!(matches!(found, Resolution::K4 | Resolution::Unknown));
        }
    }

    /// A form says what the same fields would say in JSON, whatever stands between them.
    #[test]
    fn a_form_is_read_like_json(
        fields in prop::collection::vec(field(), 0..6),
        file in prop::collection::vec(any::<u8>(), 0..100),
        at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!file.windows(3).any(|bytes| bytes == b"--b"));
        let mut form = Vec::new();
        let mut members = Vec::new();
        let image = at.index(fields.len() + 1);
        let add_image = |form: &mut Vec<u8>| {
            let head = "--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n";
            form.extend_from_slice(head.as_bytes());
            form.extend_from_slice(&file);
            form.extend_from_slice(b"\r\n");
        };
        for (index, (name, value)) in fields.iter().enumerate() {
            if index == image {
                add_image(&mut form);
            }
            let part = format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            form.extend_from_slice(part.as_bytes());
            members.push(format!(r#""{name}":"{value}""#));
        }
        if image == fields.len() {
            add_image(&mut form);
        }
        form.extend_from_slice(b"--b--\r\n");
        members.push(r#""image":{}"#.to_owned());
        prop_assert_eq!(detect_form(&form), detect(EDITS, &object(&members)));
    }

    /// Keys stand in any order.
    #[test]
    fn the_order_of_the_members_means_nothing(
        (path, members, shuffled) in request().prop_flat_map(|(path, members)| {
            (Just(path), Just(members.clone()), Just(members).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(detect(path, &object(&shuffled)), detect(path, &object(&members)));
    }

    /// A member that no dialect knows makes no request smaller, nor anything else of it.
    #[test]
    fn an_unknown_member_changes_no_request(
        (path, members) in request(),
        unknown in prop::sample::select(vec![
            r#""x":{"size":"4K","imageSize":"1K"}"#, r#""x":"size: 4K""#, r#""x":[[],{"tools":[]}]"#,
        ]),
        at in any::<prop::sample::Index>(),
    ) {
        let mut more = members.clone();
        more.insert(at.index(members.len() + 1), unknown.to_owned());
        prop_assert_eq!(detect(path, &object(&more)), detect(path, &object(&members)));
    }

    #[test]
    fn any_text_may_stand_for_a_size(text in "\\PC{0,12}") {
        crate::detect::size::parse(&text);
    }

    #[test]
    fn edges_are_classed_by_their_pixels(width in 128_u64..20_000, height in 128_u64..20_000) {
        let size = format!(r#"{{"size":"{width}x{height}"}}"#);
        prop_assert_eq!(detect(OPENAI, &size).resolution, Resolution::of_pixels(width, height));
    }

    /// Other members, wherever they stand and whatever they hold, change nothing.
    #[test]
    fn other_members_change_nothing(
        before in "[a-m]{0,8}",
        after in "[a-m]{0,8}",
        text in "\\PC{0,40}",
        size in prop::sample::select(vec!["1K", "2K", "4K", "16:9", "large"]),
    ) {
        let plain = serde_json::json!({ "size": size }).to_string();
        let text = serde_json::Value::from(text);
        let noisy = format!(r#"{{"x{before}":{{"size":{text}}},"size":"{size}","x{after}":[{text}]}}"#);
        prop_assert_eq!(detect(OPENAI, &noisy), detect(OPENAI, &plain));
    }
}
