//! How often: what is free goes on, what may be charged is counted, and late is not dead.

use super::{script::*, *};
use crate::{
    error::ConnectStage,
    model::{Decision, How, PictureLimit, RouteId, SilenceEnding, TimeScale},
    timeout::{AtLimit, Network, TimeoutPolicy},
};

const BUSY: Say = Say::status(0, 503);

/// An answer without a picture that says nothing else either.
const EMPTY: Say = Say(
    50,
    200,
    "content-type: application/json",
    r#"{"candidates":[{"finishReason":"NO_IMAGE"}]}"#,
);

fn of(size: Resolution) -> Request<Full<Bytes>> {
    let mut request = request();
    request.extensions_mut().insert(Workload::of(size));
    request
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_that_was_free_is_none_in_the_report() {
    let refused = [Say::broken(1), Say::status(1, 503), Say::status(1, 503)];
    let answered = Script::new(until(40), refused).call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::FreeUntil);
    assert_eq!(report(&answered).duplicates(), 0);

    // The one that takes its place is one.
    let paid = [Say::broken(1), Say::status(1, 503), Say::picture(1)];
    let answered = Script::new(exact(), paid).call(request()).await;
    assert_eq!(report(&answered).duplicates(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_waited_through_until_the_deadline() {
    let script = Script::new(exact(), vec![BUSY; 100]);
    let answered = script.call(request()).await;
    assert_eq!(script.times()[..6], [0, 15, 45, 105, 165, 225]);
    let last = *script.times().last().unwrap();
    // 108 s before the deadline one picture in five would still be done.
    assert!((2_250 - 108 - 60..=2_250 - 108).contains(&last), "{last}");
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Deadline);
    assert_eq!(report(&answered).duplicates(), 0);
    assert_eq!(answered.unwrap().status(), 503);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_cannot_wait_says_for_how_long_it_can() {
    for (seconds, times) in [(0, &[0][..]), (50, &[0, 15, 45])] {
        let script = Script::new(until(seconds), vec![BUSY; 3]);
        let answered = script.call(request()).await;
        assert_eq!(script.times(), times);
        assert_eq!(report(&answered).stopped_by(), StoppedBy::FreeUntil);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_is_tried_six_times_in_growing_waits() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let into = times.clone();
    let dead = service_fn(move |_: Request<Full<Bytes>>| {
        into.lock().unwrap().push(began.elapsed().as_secs());
        let stage = ConnectStage::Tcp;
        std::future::ready(Err::<Response<Full<Bytes>>, _>(Error::new(
            ErrorKind::Connect { stage },
        )))
    });
    let client = ClassifyingRetryLayer::new(exact()).unwrap().layer(dead);
    let error = client.oneshot(request()).await.unwrap_err();
    assert_eq!(error.class(), Class::NeverSent);
    assert_eq!(error.report().unwrap().stopped_by(), StoppedBy::Unsent);
    assert_eq!(*times.lock().unwrap(), [0, 5, 15, 35, 75, 135]);
}

#[tokio::test(start_paused = true)]
async fn what_was_free_is_not_counted_against_what_may_be_charged() {
    let says = [
        Say::broken(1),
        BUSY,
        Say::broken(1),
        BUSY,
        BUSY,
        Say::picture(1),
    ];
    let script = Script::new(exact(), says);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).attempts().len(), 6);
    assert_eq!(answered.unwrap().status(), 200);

    let mut policy = exact();
    policy.paid_attempts = 1;
    let script = Script::new(policy, [BUSY, BUSY, Say::broken(1)]);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
}

#[tokio::test(start_paused = true)]
async fn as_many_may_be_charged_as_the_policy_says() {
    for paid_attempts in [1, 3, 6] {
        let mut policy = exact();
        policy.paid_attempts = paid_attempts;
        // Refusals and endings that may be charged, in turn.
        let says = [BUSY, Say::broken(1)].repeat(7);
        let script = Script::new(policy.clone(), says);
        let answered = script.call(request()).await;
        let charged = |class: &&Class| class.is_possibly_charged();
        let paid = classes(&answered).iter().filter(charged).count();
        assert_eq!(paid as u32, paid_attempts);
        assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
        assert_eq!(report(&answered).duplicates(), paid_attempts - 1);

        // The last of them may bring the picture.
        let broken = vec![Say::broken(1); paid_attempts as usize - 1];
        let script = Script::new(policy, broken.into_iter().chain([Say::picture(9)]));
        assert_eq!(script.call(request()).await.unwrap().status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_small_picture_is_followed_at_the_longest_silence() {
    let script = Script::new(exact(), [Say::picture(700), Say::picture(300)]);
    let answered = script.call(of(Resolution::K1)).await;
    assert_eq!(script.times(), [0, 605]);
    assert_eq!(script.elapsed().as_secs(), 700);
    let report = report(&answered);
    let late = Decision::Late {
        attempt: 1,
        silence: 300 * SECOND,
        patience: 300 * SECOND,
    };
    assert_eq!(report.decisions(), [late]);

    // One that comes between its limit and the longest silence has cost nothing more.
    let script = Script::new(exact(), [Say::picture(420)]);
    let answered = script.call(of(Resolution::K1)).await;
    assert_eq!(self::report(&answered).duplicates(), 0);
    assert_eq!(answered.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_late_one_that_ends_is_followed_at_once() {
    let script = Script::new(exact(), [Say::broken(400), Say::picture(50)]);
    script.call(of(Resolution::K2)).await.unwrap();
    assert_eq!(script.times(), [0, 405]);
}

#[tokio::test(start_paused = true)]
async fn with_end_at_the_limit_it_is_the_guide_to_the_letter() {
    let mut policy = exact();
    policy.worth = f64::INFINITY;
    let mut script = Script::new(policy, vec![Say::picture(2_000); 3]);
    script.limits.at_limit = Some(AtLimit::End);
    let error = script.call(of(Resolution::K1)).await.unwrap_err();
    assert_eq!(script.times(), [0, 305, 615]);
    assert!(error.is_timeout());
}

/// How long the operation of a request for this size may take.
async fn time_for(mut script: Script, size: Resolution) -> u64 {
    script.limits.at_limit = Some(AtLimit::Late);
    let limits: Arc<dyn PictureLimit> = Arc::new(script.limits.clone());
    script.layer = script.layer.with_limits(limits);
    let _ = script.call(of(size)).await;
    script.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn the_deadline_follows_from_the_limit_in_force() {
    let never = || {
        let mut policy = exact();
        policy.paid_attempts = 1;
        Script::new(policy, [Say::picture(99_000)])
    };
    for size in Resolution::ALL {
        assert_eq!(time_for(never(), size).await, 2_250, "{size}");
    }
    let mut far = never();
    far.limits.network = Some(Network::CrossBorder);
    far.limits.network_picture.cross_border = Duration::from_secs(1_000);
    assert_eq!(time_for(far, Resolution::K1).await, 3 * 1_150);

    // A limit of its own, for one request.
    let script = never();
    let limits = TimeoutPolicy {
        picture: crate::model::PerResolution::from_secs(3_600, 3_600, 3_600, 3_600),
        ..TimeoutPolicy::default()
    };
    let mut request = request();
    request
        .extensions_mut()
        .insert(limits.for_request().unwrap());
    let stack_limits: Arc<dyn PictureLimit> = Arc::new(TimeoutPolicy::default());
    let mut script = script;
    script.layer = script.layer.clone().with_limits(stack_limits);
    let _ = script.call(request).await;
    assert_eq!(script.elapsed().as_secs(), 3 * 3_750);
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_asked_for_once_more() {
    let script = Script::new(exact(), [EMPTY, Say::picture(50)]);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).duplicates(), 1, "it may be charged twice");
    assert_eq!(answered.unwrap().status(), 200);

    // Once, and never where nothing is paid twice.
    for (paid_attempts, requests) in [(3, 2), (1, 1)] {
        let mut policy = exact();
        policy.paid_attempts = paid_attempts;
        let script = Script::new(policy, [EMPTY, EMPTY]);
        let answered = script.call(request()).await;
        assert_eq!(classes(&answered), vec![Class::NoImage; requests]);
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_route_that_cuts_twice_as_many_may_be_charged() {
    // Two thirds of the small pictures are done before the cut.
    for (paid_attempts, worth, sent) in [
        (1, 5.0, 1),
        (3, 5.0, 6),
        (6, 5.0, 12),
        (3, f64::INFINITY, 3),
    ] {
        let mut policy = exact();
        policy.paid_attempts = paid_attempts;
        policy.worth = worth;
        let script = Script::new(policy, vec![Say::broken(60); 40]);
        let history = script.layer.history();
        let route = RouteId::of(request().uri(), &http::Extensions::new());
        for (silence, how) in [(45.0, How::Picture), (60.0, How::Cut)].repeat(10) {
            let at = Instant::now();
            let ending = SilenceEnding { at, silence, how };
            history.note(&route, Resolution::K1, ending, TimeScale(1.0));
        }
        let answered = script.call(of(Resolution::K1)).await;
        assert_eq!(script.times().len(), sent, "{paid_attempts} {worth}");
        assert_eq!(report(&answered).stopped_by(), StoppedBy::Attempts);
        let said = report(&answered)
            .decisions()
            .iter()
            .any(|decision| matches!(decision, Decision::CutKnown { .. }));
        assert_eq!(said, sent > paid_attempts as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_through_the_deadline_sends_nothing_more() {
    let script = Script::new(exact(), [BUSY]);
    let call = script.call(request());
    let mut call = std::pin::pin!(call);
    let wait = tokio::time::timeout(5 * SECOND, call.as_mut()).await;
    assert!(wait.is_err(), "it waits for its second attempt");
    tokio::time::advance(3_600 * SECOND).await;
    let answered = call.await;
    assert_eq!(script.times(), [0]);
    assert_eq!(answered.unwrap().status(), 503);
}
