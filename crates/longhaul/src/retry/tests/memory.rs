//! Memory that is used up, through the whole stack.

use tokio::task::LocalSet;

use super::{stacked::stack_of, *};
use crate::stack::StackRequestBody;

/// A picture of a mebibyte.
fn picture() -> Bytes {
    let data = "A".repeat(1 << 20);
    format!(r#"{{"data":[{{"b64_json":"{data}"}}]}}"#).into()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_answers_at_once_are_held_as_memory_reaches() {
    let length = picture().len() as u64;
    let stack = stack_of(|policy| {
        policy.in_flight.max_per_host = 100;
        policy.classify.hold_limit = length as usize;
        policy.classify.client_hold_limit = 10 * length;
    });
    let client = stack.layer(service_fn(
        async |request: Request<StackRequestBody<Full<Bytes>>>| {
            request.into_body().collect().await.unwrap();
            sleep(100 * SECOND).await;
            let response = Response::builder().header("content-type", "application/json");
            Ok::<_, io::Error>(response.body(Full::new(picture())).unwrap())
        },
    ));
    let local = LocalSet::new();
    let calls: Vec<_> = (0..100)
        .map(|_| local.spawn_local(client.clone().oneshot(request())))
        .collect();
    let (mut held, mut answers) = (0, Vec::new());
    for call in calls {
        let response = local.run_until(call).await.unwrap().unwrap();
        let report = response.extensions().get::<RetryReport>().unwrap();
        held += usize::from(report.not_held() == 0);
        answers.push(response);
    }
    assert_eq!(held, 10, "the others say that there was no memory");
    // Each is whole all the same, whichever is read first.
    for answer in answers.into_iter().rev() {
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len() as u64, length);
    }
    assert_eq!(stack.in_flight(), 0);
    let records = stack.ledger().records();
    let delivered = |class: Class| class == Class::Delivered;
    let ended = |record: &crate::billing::Record| record.closing.as_ref().unwrap().outcome.class;
    assert!(records.len() == 100 && records.iter().all(|it| delivered(ended(it))));

    // The memory is free again.
    let response = local.run_until(client.oneshot(request())).await.unwrap();
    let report = response.extensions().get::<RetryReport>().unwrap();
    assert_eq!(report.not_held(), 0);
}
