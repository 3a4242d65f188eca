//! Callers who leave while their task is queued, or worked on.

use longhaul::billing::Record;
use longhaul_providers::tasks::SubmitAndPollLayer;

use super::{tasks::policy, *};

/// A call whose caller leaves after a second, and one under the same key that waits; the policy lets queued tasks be
/// cancelled, and a task is queued for so long.
async fn left_and_come_back(queued: Duration) -> (Scene, Vec<Record>) {
    let script = "none+takes@400*2".parse().unwrap();
    let scene = Scene::new(Provider::builder().script(script).queued(queued)).await;
    let mut policy = policy(&scene.host());
    policy.cancel_queued = true;
    let stack = scene.stack(SubmitAndPollLayer::new(policy).unwrap());
    let request = || {
        let mut request = scene.request("/fal-ai/nano-banana-pro");
        let key = "op-1".parse().unwrap();
        request.headers_mut().insert("idempotency-key", key);
        request
    };
    let left = stack.layer(client()).oneshot(request());
    let left = tokio::time::timeout(Duration::from_secs(1), left).await;
    assert!(left.is_err(), "the picture takes four seconds");
    let answer = within(stack.layer(client()).oneshot(request())).await;
    let (status, document, classes) = ended(answer).await;
    assert_eq!((status, &classes[..]), (Some(200), &[Class::Delivered][..]));
    assert!(has_picture(&document));
    within(scene.provider.oracle().settled()).await;
    let records = stack.ledger().records();
    (scene, records)
}

fn charged(records: &[Record]) -> Vec<u16> {
    let of = |record: &Record| {
        let closing = record.closing.as_ref().expect("it has ended");
        closing.outcome.exposure.probability.as_permille()
    };
    records.iter().map(of).collect()
}

#[tokio::test]
async fn a_queued_task_is_cancelled_when_its_caller_leaves() {
    let (scene, records) = left_and_come_back(Duration::from_secs(300)).await;
    let entries = scene.provider.oracle().entries();
    let cancelled: Vec<_> = entries
        .iter()
        .map(|entry| entry.task.as_ref().unwrap().cancelled)
        .collect();
    assert_eq!(cancelled, [true, false], "taken back, and ordered anew");
    assert_eq!(entries[0].charged_micros, 0);
    assert_eq!(charged(&records), [0, 1000]);
}

#[tokio::test]
async fn a_running_task_is_collected_though_its_caller_left() {
    let (scene, records) = left_and_come_back(Duration::ZERO).await;
    let entries = scene.provider.oracle().entries();
    assert_eq!(entries.len(), 1, "nothing is ordered again");
    let task = entries[0].task.as_ref().unwrap();
    assert!(!task.cancelled && entries[0].delivered);
    assert!(entries[0].charged_micros > 0);
    assert_eq!(charged(&records), [1000]);
}
