//! The moment at which the picture begins to arrive.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_moment_is_noted_at_which_the_picture_begins_to_come() {
    for (kind, acts, began) in [
        (
            "application/json",
            vec![Step::wait(3), Step::data(LINK)],
            Some(3),
        ),
        (
            "application/json",
            vec![
                Step::data("   \n"),
                Step::wait(60),
                Step::data(r#"{"data":[{"b64_json":"#),
                Step::wait(7),
                Step::data("\"A"),
            ],
            Some(67),
        ),
        (
            "text/event-stream",
            vec![
                Step::data(": beat\n\ndata: {\"type\":\"image_generation.in_progress\"}\n\n"),
                Step::wait(40),
                Step::data(
                    "data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\"}\n\n",
                ),
                Step::wait(40),
                Step::data("data: {\"type\":\"image_generation.completed\",\"b64_json\":\"A"),
            ],
            Some(80),
        ),
        ("image/png", vec![Step::wait(2), Step::data(PNG)], Some(2)),
        ("application/json", vec![Step::data(r#"{"data":[]}"#)], None),
        (
            "application/json",
            vec![Step::data(
                r#"{"choices":[{"message":{"content":"![a](data:image/png;base64,A"#,
            )],
            Some(0),
        ),
    ] {
        let start = Instant::now();
        let answer = answer(kind, acts);
        let (attempt, answered) = call(&ClassifyLayer::default(), workload(), answer).await;
        if let Ok(answered) = answered {
            let _ = answered.into_body().collect().await;
        }
        let noted = attempt.picture_began_at();
        assert_eq!(noted.map(|at| (at - start).as_secs()), began, "{kind}");
    }
}
