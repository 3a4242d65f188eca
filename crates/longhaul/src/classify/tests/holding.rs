//! Answers with pictures are held until they are whole, as far as there is memory.

use super::{
    whole::{answer, call, workload},
    *,
};

fn layer(hold_limit: usize, client_hold_limit: u64) -> ClassifyLayer {
    ClassifyLayer::new(ClassifyPolicy {
        hold_limit,
        client_hold_limit,
        ..ClassifyPolicy::default()
    })
    .unwrap()
}

/// A picture that comes in pieces, and then this.
fn coming(end: Option<Step>) -> Response<MockBody> {
    let pieces = long_picture().into_iter().map(Step::Data);
    answer("application/json", pieces.chain(end))
}

fn half() -> Response<MockBody> {
    let pieces = long_picture().into_iter().take(3).map(Step::Data);
    answer("application/json", pieces.chain([Step::Break]))
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_breaks_off_is_an_error_before_its_head() {
    let (attempt, answered) = call(&ClassifyLayer::default(), workload(), half()).await;
    assert_eq!(answered.unwrap_err().class(), Class::Undelivered);
    assert_eq!(ended(&attempt), (End::Failed, Class::Undelivered));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_goes_on_in_the_frames_in_which_it_came() {
    let (_, answered) = call(&ClassifyLayer::default(), workload(), coming(None)).await;
    let mut body = answered.unwrap().into_body();
    for piece in long_picture() {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, piece);
    }
    assert!(body.is_end_stream() && body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn only_picture_calls_that_are_no_streams_are_held() {
    let mut asked = workload();
    asked.stream = true;
    for (asked, answer, policy) in [
        (asked, half(), ClassifyPolicy::default()),
        (Workload::default(), half(), ClassifyPolicy::default()),
        (
            workload(),
            half(),
            ClassifyPolicy {
                hold: false,
                ..ClassifyPolicy::default()
            },
        ),
        (
            workload(),
            answer(
                "text/event-stream",
                [Step::data("data: {}\n\n"), Step::Break],
            ),
            ClassifyPolicy::default(),
        ),
    ] {
        let layer = ClassifyLayer::new(policy).unwrap();
        let (attempt, answered) = call(&layer, asked, answer).await;
        let answered = answered.expect("the head goes on before the break");
        assert!(answered.into_body().collect().await.is_err());
        assert_eq!(ended(&attempt), (End::Failed, Class::Undelivered));
        assert!(!attempt.was_not_held());
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_taken_as_an_answer_grows_and_given_back() {
    let length: usize = long_picture().iter().map(Bytes::len).sum();
    let layer = layer(1 << 20, 1 << 20);
    let budget = layer.hold_budget();
    let (_, answered) = call(&layer, workload(), coming(None)).await;
    assert_eq!(budget.retained(), length as u64);
    let mut body = answered.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert!(
        budget.retained() < length as u64,
        "handed on, and given back"
    );
    body.collect().await.unwrap();
    assert_eq!(budget.retained(), 0);

    let (_, answered) = call(&layer, workload(), coming(None)).await;
    drop(answered);
    assert_eq!(budget.retained(), 0);
    let _ = call(&layer, workload(), half()).await;
    assert_eq!(budget.retained(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_told_length_is_reserved_before_the_first_byte() {
    let layer = layer(1 << 20, 1 << 20);
    let mut first = answer("application/json", [Step::Hang]);
    first
        .headers_mut()
        .insert("content-length", HeaderValue::from(800_000));
    let waiting = call(&layer, workload(), first);
    let waiting = tokio::time::timeout(Duration::from_secs(1), waiting);
    let second = async {
        tokio::task::yield_now().await;
        let mut second = coming(None);
        second
            .headers_mut()
            .insert("content-length", HeaderValue::from(500_000));
        call(&layer, workload(), second).await
    };
    let (timed_out, (attempt, answered)) = tokio::join!(waiting, second);
    assert!(timed_out.is_err());
    assert!(attempt.was_not_held());
    assert_eq!(attempt.outcome_now(), None, "handed on as it comes");
    drop(answered);
    assert_eq!(layer.hold_budget().retained(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_answers_at_once_hold_no_more_than_all_may() {
    let length: u64 = long_picture().iter().map(|piece| piece.len() as u64).sum();
    let layer = layer(1 << 17, 10 * length);
    let (mut held, mut bodies) = (0, Vec::new());
    for _ in 0..100 {
        let (attempt, answered) = call(&layer, workload(), coming(None)).await;
        held += usize::from(!attempt.was_not_held());
        assert!(layer.hold_budget().retained() <= 10 * length);
        bodies.push(answered.unwrap().into_body());
    }
    assert_eq!(held, 10);
    for body in bodies {
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(body.len() as u64, length, "not a byte is lost");
    }
    assert_eq!(layer.hold_budget().retained(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_longer_answer_than_may_be_held_goes_on_as_it_comes() {
    let (attempt, answered) = call(&layer(100_000, 1 << 20), workload(), coming(None)).await;
    assert!(!attempt.was_not_held(), "not for want of memory");
    assert_eq!(attempt.outcome_now(), None);
    let body = answered.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), long_picture().concat());
    assert_eq!(ended(&attempt), (End::Finished, Class::Delivered));
}

#[test]
fn limits_that_cannot_work_are_refused_by_name() {
    let with = |change: fn(&mut ClassifyPolicy)| {
        let mut policy = ClassifyPolicy::default();
        change(&mut policy);
        policy.validate().unwrap_err().field().to_owned()
    };
    assert_eq!(with(|policy| policy.peek_limit = 0), "peek_limit");
    assert_eq!(with(|policy| policy.peek_limit = usize::MAX), "peek_limit");
    assert_eq!(with(|policy| policy.hold_limit = usize::MAX), "hold_limit");
    assert_eq!(with(|policy| policy.hold_limit = 1), "hold_limit");
    assert_eq!(
        with(|policy| policy.client_hold_limit = 1),
        "client_hold_limit"
    );
    assert_eq!(
        with(|policy| policy.client_hold_limit = u64::MAX),
        "client_hold_limit"
    );
}
