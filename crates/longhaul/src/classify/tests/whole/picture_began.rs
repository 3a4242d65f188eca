//! The moment at which the picture begins to arrive.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_moment_is_noted_at_which_the_picture_begins_to_come() {
    for (kind, acts, began) in [
        ("application/json", vec![Do::Wait(3), data(LINK)], Some(3)),
        (
            "application/json",
            vec![
                data("   \n"),
                Do::Wait(60),
                data(r#"{"data":[{"b64_json":"#),
                Do::Wait(7),
                data("\"A"),
            ],
            Some(67),
        ),
        (
            "text/event-stream",
            vec![
                data(": beat\n\ndata: {\"type\":\"image_generation.in_progress\"}\n\n"),
                Do::Wait(40),
                data("data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\"}\n\n"),
                Do::Wait(40),
                data("data: {\"type\":\"image_generation.completed\",\"b64_json\":\"A"),
            ],
            Some(80),
        ),
        ("image/png", vec![Do::Wait(2), data(PNG)], Some(2)),
        ("application/json", vec![data(r#"{"data":[]}"#)], None),
        (
            "application/json",
            vec![data(
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
