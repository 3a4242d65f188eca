//! Who is asked, and after what.

use super::script::*;
use crate::{
    fallback::{AnsweredBy, Dialect, FallbackStoppedBy, Resolutions, SkipReason},
    model::{Class, Resolution},
    observe::{Event, Observer},
};

#[tokio::test(start_paused = true)]
async fn the_default_is_off_and_leaves_no_mark() {
    let script = Script::new([OVERLOADED]);
    let answered = run(policy([]), &script).await.unwrap();
    assert_eq!(answered.status(), 503);
    assert!(answered.extensions().get::<AnsweredBy>().is_none());
    assert_eq!(script.hosts(), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_comes_from_the_first_and_says_so() {
    let script = Script::new([OK]);
    let answered = run(policy([seedream()]), &script).await;
    let made_by = made_by(&answered);
    assert_eq!((&*made_by.target, made_by.index), ("first.example", 0));
    assert!(!made_by.is_fallback());
    assert_eq!(made_by.workload.resolution, Resolution::K4);
    assert_eq!(stopped_by(&answered), FallbackStoppedBy::Class);
    // The first is asked as the caller asked.
    let seen = &script.seen()[0];
    assert_eq!(seen.headers["authorization"], "Bearer first-key");
    assert_eq!(seen.body["size"], "4096x4096");
    assert!(seen.provider.is_none());
}

#[tokio::test(start_paused = true)]
async fn triggers_go_by_class() {
    use Act::{Answer, Break};
    let no_channel = r#"{"error":{"code":"get_channel_failed","message":"无可用渠道"}}"#;
    let rows = [
        (OVERLOADED, true),
        (Answer(529, "", ""), true),
        (Answer(503, "", no_channel), true),
        (Answer(503, "", ""), true),
        (QUOTA, true),
        (Answer(429, "", ""), true),
        (Answer(400, "", ""), false),
        (Answer(401, "", ""), false),
        (Answer(500, "", ""), false),
        (
            Answer(200, "content-type: application/json", r#"{"data":[]}"#),
            false,
        ),
        (CUT, false),
        (Break, false),
    ];
    for (act, falls_back) in rows {
        let script = Script::new([act, OK]);
        let answered = run(policy([seedream()]), &script).await;
        let hosts: &[&str] = if falls_back {
            &["first", "ark"]
        } else {
            &["first"]
        };
        assert_eq!(script.hosts(), hosts, "{act:?}");
        assert_eq!(report(&answered).hops().len(), hosts.len(), "{act:?}");
        assert_eq!(report(&answered).duplicates(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_may_have_triggers_of_its_own() {
    let mut patient = route("patient");
    patient.triggers = Some(vec![Class::RateLimited]);
    let script = Script::new([OVERLOADED, OK]);
    let answered = run(policy([patient, route("second")]), &script).await;
    assert_eq!(script.hosts(), ["first", "second"]);
    assert_eq!(skipped(&answered), [None, Some(SkipReason::Trigger), None]);
}

#[tokio::test(start_paused = true)]
async fn targets_are_asked_in_order_and_the_last_answer_is_handed_on() {
    let script = Script::new([OVERLOADED, QUOTA, Act::Answer(400, "", "no")]);
    let answered = run(
        policy([route("second"), route("third"), route("fourth")]),
        &script,
    )
    .await;
    assert_eq!(script.hosts(), ["first", "second", "third"]);
    assert_eq!(stopped_by(&answered), FallbackStoppedBy::Class);
    let classes: Vec<_> = report(&answered)
        .hops()
        .iter()
        .map(|hop| hop.class)
        .collect();
    let expected = [Class::Overloaded, Class::QuotaExhausted, Class::ClientError];
    assert_eq!(classes, expected.map(Some));
    assert_eq!(&*made_by(&answered).target, "third");
    assert_eq!(answered.unwrap().into_body(), "no");
}

#[tokio::test(start_paused = true)]
async fn when_all_were_asked_the_report_says_so() {
    let script = Script::new([OVERLOADED, OVERLOADED]);
    let answered = run(policy([route("second")]), &script).await;
    assert_eq!(stopped_by(&answered), FallbackStoppedBy::Targets);
    assert_eq!(answered.unwrap().status(), 503);
}

#[tokio::test(start_paused = true)]
async fn who_cannot_make_the_picture_is_passed_over() {
    let mut small = route("small");
    small.resolutions = Resolutions::between(Resolution::K1, Resolution::K2);
    let script = Script::new([OVERLOADED, OK]);
    let answered = run(policy([small, seedream()]), &script).await;
    assert_eq!(script.hosts(), ["first", "ark"]);
    assert_eq!(
        skipped(&answered),
        [None, Some(SkipReason::Resolution), None]
    );
}

#[tokio::test(start_paused = true)]
async fn the_answer_says_what_was_made_and_in_which_words() {
    let script = Script::new([OVERLOADED, OK]);
    let mut small = request();
    *small.body_mut() = r#"{"model":"nano-banana-pro","prompt":"a hat","size":"1K"}"#.into();
    let stack = stack(policy([seedream()]));
    let answered = send(&stack, &script, small).await;
    let made_by = made_by(&answered);
    assert!(made_by.is_fallback());
    assert_eq!((&*made_by.target, made_by.index), ("seedream-4.5", 1));
    assert_eq!(made_by.dialect, Dialect::OpenAiImages);
    assert_eq!(made_by.workload.resolution, Resolution::K2);
    assert_eq!(
        made_by.workload.model.as_deref(),
        Some("seedream-4-5-251128")
    );
    assert_eq!(script.seen()[1].workload, made_by.workload);
}

#[tokio::test(start_paused = true)]
async fn observers_hear_of_it_once() {
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = told.clone();
    let observer = Observer::new(move |event: &Event<'_>| {
        if let Event::FallingBack {
            class,
            from,
            to,
            duplicate,
        } = event
        {
            let line = format!("{class} {from} {to} {duplicate}");
            heard.lock().unwrap().push(line);
        }
    });
    let stack = stack(policy([seedream()])).with_observer(observer);
    send(&stack, &Script::new([QUOTA, OK]), request())
        .await
        .unwrap();
    let told = told.lock().unwrap();
    assert_eq!(*told, ["QuotaExhausted first.example seedream-4.5 false"]);
}
