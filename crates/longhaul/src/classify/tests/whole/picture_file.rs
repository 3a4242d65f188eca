//! A file is judged by its own end.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_picture_file_is_judged_by_its_own_end() {
    for (kind, file, end, class) in [
        ("image/png", PNG, Some(Step::Break), Class::Delivered),
        (
            "application/octet-stream",
            PNG,
            Some(Step::Break),
            Class::Delivered,
        ),
        (
            "image/png",
            &PNG[..30],
            Some(Step::Break),
            Class::Undelivered,
        ),
        // Ended by its connection alone, as a break would be.
        ("image/png", &PNG[..30], None, Class::Undelivered),
        ("image/png", PNG, None, Class::Delivered),
        // A file that does not say where it ends.
        ("image/avif", b"\0\0\0\x20ftypavif", None, Class::Delivered),
    ] {
        for layer in [ClassifyLayer::default(), streaming()] {
            let acts = [Step::data(file)].into_iter().chain(end.clone());
            let (attempt, answered) = call(&layer, workload(), answer(kind, acts)).await;
            if let Ok(answered) = answered {
                let _ = answered.into_body().collect().await;
            }
            assert_eq!(ended(&attempt).1, class, "{kind}, {} bytes", file.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_picture_file_does_not_end_the_reading() {
    let answer = answer(
        "image/png",
        [Step::data(PNG), Step::wait(5), Step::data("and more")],
    );
    let (_, answered) = call(&ClassifyLayer::default(), workload(), answer).await;
    let body = answered.unwrap().into_body().collect().await.unwrap();
    assert!(body.to_bytes().ends_with(b"and more"));
}
