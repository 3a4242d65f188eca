//! What follows from what an answer says of itself, beside its class.

use super::{script::*, *};
use crate::model::Probability;

#[tokio::test(start_paused = true)]
async fn an_overload_inside_a_200_is_sent_again_as_a_duplicate() {
    const OVERLOADED: &str = r#"{"error":{"code":503,"message":"The model is overloaded"}}"#;
    for (status, duplicates) in [(503, 0), (200, 1)] {
        let says = [Say(1, status, "x: y", OVERLOADED), Say::picture(1)];
        let script = Script::new(exact(), says);
        let answered = script.call(request()).await;
        assert_eq!(report(&answered).duplicates(), duplicates, "{status}");
        assert_eq!(script.ends()[0], (End::Finished, Class::Overloaded));
        assert_eq!(answered.unwrap().status(), 200);
    }
}

#[test]
fn a_free_class_is_no_duplicate_unless_the_answer_differs() {
    let policy = RetryPolicy::default();
    let mut situation = Situation::new(End::Finished, Class::Unavailable);
    for (probability, expected) in [(0, false), (20, false), (500, true)] {
        situation.probability = Probability::permille(probability);
        let RetryDecision::Again { duplicate, .. } = policy.decision(&situation) else {
            panic!("it is sent again");
        };
        assert_eq!(duplicate, expected, "{probability}");
    }
}

#[test]
fn a_certificate_that_is_not_valid_is_final() {
    let mut situation = Situation::new(End::Finished, Class::NeverSent);
    situation.status = http::StatusCode::from_u16(526).ok();
    let stop = RetryDecision::Stop(StoppedBy::Class);
    assert_eq!(RetryPolicy::default().decision(&situation), stop);
}

#[tokio::test(start_paused = true)]
async fn a_bare_conflict_waits_while_an_earlier_attempt_may_run() {
    let says = [Say::broken(1), Say::status(0, 409), Say::picture(1)];
    let answered = Script::new(exact(), says).call(request()).await;
    assert_eq!(report(&answered).collected(), 1);
    assert_eq!(answered.unwrap().status(), 200);

    let answered = Script::new(exact(), [Say::status(0, 409)])
        .call(request())
        .await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Class);
    assert_eq!(answered.unwrap().status(), 409);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_task_is_sent_once_and_the_advice_has_its_id() {
    const TASK: &str = r#"{"id":"task_1","status":"queued"}"#;
    let answered = Script::new(exact(), [Say(1, 202, "x: y", TASK)])
        .call(request())
        .await;
    let report = report(&answered);
    assert_eq!(report.stopped_by(), StoppedBy::Class);
    let diagnosis = report.diagnosis().unwrap();
    assert!(diagnosis.advice.contains("task_1"), "{diagnosis:?}");
    assert_eq!(answered.unwrap().status(), 202);
}
