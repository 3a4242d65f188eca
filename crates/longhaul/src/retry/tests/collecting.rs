use super::{script::*, *};

#[tokio::test(start_paused = true)]
async fn what_is_still_running_is_asked_for_again_and_not_counted() {
    let mut policy = exact();
    policy.paid_attempts = 2;
    let busy = Say(0, 409, "x: y", IN_FLIGHT);
    let told = Say(0, 409, "retry-after: 7", IN_FLIGHT);
    let says = [Say::broken(1), busy, told, busy, Say::picture(1)];
    let script = Script::new(policy, says);
    let answered = script.call(request()).await;
    assert_eq!(script.times(), [0, 6, 8, 15, 17]);
    let report = report(&answered);
    assert_eq!(answered.unwrap().status(), 200);
    assert_eq!(report.attempts().len(), 5);
    assert_eq!(report.collected(), 3);
    assert_eq!(report.duplicates(), 1, "only the one after the break");
    let keys: Vec<_> = (0..5)
        .map(|request| script.header(request, "idempotency-key"))
        .collect();
    assert!(keys[0].is_some() && keys.iter().all(|key| *key == keys[0]));
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_for_until_the_deadline_and_not_in_a_tight_loop() {
    let busy = Say(0, 409, "retry-after: 0", IN_FLIGHT);
    let script = Script::new(exact(), vec![busy; 10_000]);
    let mut request = request();
    request
        .extensions_mut()
        .insert(Deadline::after(130 * SECOND));
    let answered = script.call(request).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Deadline);
    assert_eq!(answered.unwrap().status(), 409);
    // To collect an answer takes no time of its own; every 100 ms.
    assert!((1_250..=1_301).contains(&script.times().len()));
}

#[tokio::test(start_paused = true)]
async fn a_used_up_key_hands_on_the_first_failure() {
    let says = [
        Say::status(1, 503),
        Say(1, 500, "x: y", "dearer"),
        Say(1, 422, "x: y", USED_UP),
    ];
    let script = Script::new(exact(), says);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Class);
    assert_eq!(report(&answered).attempts().len(), 3);
    assert_eq!(answered.unwrap().status(), 503);

    let script = Script::new(exact(), [Say::broken(1), Say(1, 422, "x: y", USED_UP)]);
    let error = script.call(request()).await.unwrap_err();
    assert_eq!(error.attempt().unwrap().number(), 1);

    // An answer in the making is no failure; without one before it, it is the used-up key itself.
    let script = Script::new(
        exact(),
        [Say(1, 409, "x: y", IN_FLIGHT), Say(1, 422, "x: y", USED_UP)],
    );
    assert_eq!(script.call(request()).await.unwrap().status(), 422);
}
