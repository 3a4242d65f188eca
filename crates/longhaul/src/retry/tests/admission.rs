//! Nothing is begun that could hardly end well.

use super::{script::*, *};
use crate::{
    Stack,
    body::ReplayBody,
    model::{
        Decision, How, OutboundProxy, PriceRow, RouteHistory, RouteId, SilenceEnding, TimeScale,
    },
    policy::Policy,
    timeout::RequestBody,
};

/// A request for a picture of this size, with so many seconds to bring it.
fn within(size: Resolution, seconds: u64) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from("prompt"));
    request.extensions_mut().insert(Workload::of(size));
    let deadline = Deadline::after(Duration::from_secs(seconds));
    request.extensions_mut().insert(deadline);
    request
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_cannot_be_done_in_time_is_not_begun() {
    for (seconds, text) in [
        (0, "not begun: the deadline has passed"),
        (30, "not begun: takes about 120 s, 30 s left"),
        (105, "not begun: takes about 120 s, 105 s left"),
    ] {
        let script = Script::new(exact(), []);
        let answered = script.call(within(Resolution::K4, seconds)).await;
        assert!(script.times().is_empty());
        let report = report(&answered);
        assert_eq!(report.stopped_by(), StoppedBy::Deadline);
        assert!(report.attempts().is_empty(), "it has no number");
        assert!(matches!(report.decisions(), [Decision::NoTime { .. }]));
        let error = answered.unwrap_err();
        assert_eq!(error.class(), Class::NotBegun);
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

/// What is known of a route that cut ten 4K pictures in a row, an hour ago.
async fn cut_an_hour_ago() -> RouteHistory {
    let history = RouteHistory::new();
    let route = RouteId::of(request().uri(), request().extensions());
    for _ in 0..10 {
        let ending = SilenceEnding {
            at: Instant::now(),
            silence: 60.1,
            how: How::Cut,
        };
        history.note(&route, Resolution::K4, ending, TimeScale(1.0));
    }
    sleep(3_600 * SECOND).await;
    history
}

/// Asks for a 4K picture on that route, of a client that either cannot connect or delivers at once.
async fn probe(layer: ClassifyingRetryLayer, history: &RouteHistory, connects: bool) -> Answered {
    let client = service_fn(
        move |request: Request<RequestBody<Full<Bytes>>>| async move {
            if !connects {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            request.into_body().collect().await.unwrap();
            Ok::<_, BoxError>(Response::new(Full::from(PICTURE)))
        },
    );
    let client = SizeAwareTimeoutLayer::default().layer(client);
    let layer = layer.with_history(history.clone());
    let (head, body) = layer.layer(client).oneshot(request()).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_was_never_sent_gives_its_turn_to_the_next() {
    let history = cut_an_hour_ago().await;
    let mut policy = exact();
    policy.unsent_attempts = 1;
    let layer = ClassifyingRetryLayer::new(policy).unwrap();
    let unsent = probe(layer.clone(), &history, false).await;
    assert_eq!(unsent.unwrap_err().class(), Class::NeverSent);
    probe(layer, &history, true).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_there_is_no_money_for_gives_its_turn_away() {
    let history = cut_an_hour_ago().await;
    let mut policy = exact();
    policy.spending_cap = Some(Money::usd_micros(1));
    let poor = ClassifyingRetryLayer::new(policy).unwrap();
    let refused = probe(poor, &history, true).await.unwrap_err();
    assert!(matches!(*refused.kind(), ErrorKind::SpendingCap { .. }));
    let layer = ClassifyingRetryLayer::new(exact()).unwrap();
    probe(layer, &history, true).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_is_done_in_time_once_in_five_is_begun() {
    let script = Script::new(exact(), [Say::picture(1)]);
    script.call(within(Resolution::K4, 109)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_an_unknown_size_only_the_deadline_counts() {
    let script = Script::new(exact(), [Say::picture(1), Say::picture(1)]);
    script.call(within(Resolution::Unknown, 2)).await.unwrap();
    let mut policy = exact();
    policy.worth = f64::INFINITY;
    let script = Script::new(policy, [Say::picture(1)]);
    script.call(within(Resolution::K4, 2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn worth_says_how_much_time_must_be_left() {
    // Of 4K pictures a fifth is done after 108 s, a third after 113.3 s, and all of them after 600 s.
    for (worth, enough) in [(1.0, 600), (3.0, 114), (5.0, 108), (f64::INFINITY, 1)] {
        for (seconds, begins) in [(enough + 1, true), (enough - 1, false)] {
            let mut policy = exact();
            policy.worth = worth;
            let script = Script::new(policy, [Say::picture(0)]);
            let answered = script.call(within(Resolution::K4, seconds)).await;
            assert_eq!(answered.is_ok(), begins, "{worth}: {seconds} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_for_another_is_not_sent_again() {
    // 100 s are left after the wait.
    let script = Script::new(exact(), [Say::picture(9_000)]);
    let answered = script.call(within(Resolution::K4, 705)).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Deadline);
    assert!(answered.unwrap_err().is_timeout(), "what was sent counts");

    let script = Script::new(exact(), [Say::picture(9_000), Say::picture(100)]);
    script.call(within(Resolution::K4, 725)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_route_that_cuts_is_not_asked_once_it_is_known() {
    let script = Script::new(exact(), vec![Say::broken(60); 13]);
    for _ in 0..4 {
        let _ = script.call(request()).await;
    }
    // Ten calls of the size were cut at 60 s: no picture of it comes from there.
    assert_eq!(script.times().len(), 10);
    let answered = script.call(request()).await;
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Route);
    let error = answered.unwrap_err();
    let text = "not begun: takes about 120 s, and this route cuts silent connections after 60.0 s";
    assert!(error.to_string().starts_with(text), "{error}");
    let routes = script.layer.history().routes();
    assert_eq!(routes[0].cuts.len(), 1);

    // Another way to the same host is another route.
    let mut other = request();
    other.extensions_mut().insert(OutboundProxy::new("direct"));
    let _ = script.call(other).await;
    assert_eq!(script.times().len(), 13);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_pays_for_no_picture_that_it_cannot_get() {
    let mut policy = Policy::nano_banana_pro();
    policy.billing.prices = vec![PriceRow::new(
        "*",
        "*",
        crate::model::Money::usd_micros(240_000),
    )];
    let stack = Stack::new(policy).unwrap();
    let sent = Arc::new(Mutex::new(0));
    let counted = sent.clone();
    let client = stack.layer(service_fn(
        move |request: Request<RequestBody<ReplayBody<Full<Bytes>>>>| {
            let counted = counted.clone();
            async move {
                request.into_body().collect().await.unwrap();
                *counted.lock().unwrap() += 1;
                sleep(Duration::from_secs(220)).await;
                Ok::<_, BoxError>(Response::new(Full::<Bytes>::from(PICTURE)))
            }
        },
    ));
    let local = tokio::task::LocalSet::new();
    let calls: Vec<_> = (0..130)
        .map(|_| {
            let client = client.clone();
            local.spawn_local(async move {
                let mut request = request();
                request
                    .extensions_mut()
                    .insert(Workload::of(Resolution::K1));
                let deadline = Deadline::after(Duration::from_secs(1_350));
                request.extensions_mut().insert(deadline);
                let response = client.oneshot(request).await?;
                response.into_body().collect().await
            })
        })
        .collect();
    let (mut delivered, mut not_begun) = (0, 0);
    for call in calls {
        match local.run_until(call).await.unwrap() {
            Ok(_) => delivered += 1,
            Err(error) => {
                assert_eq!(error.class(), Class::NotBegun, "{error}");
                not_begun += 1;
            }
        }
    }
    assert_eq!((delivered, not_begun), (60, 70));
    assert_eq!(*sent.lock().unwrap(), 60);
    assert_eq!(
        stack.ledger().records().len(),
        60,
        "no entry for what was not begun"
    );
    assert_eq!(stack.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_too_long_leaves_the_queue() {
    let provider = Provider::new([]);
    let mut request = request();
    request
        .extensions_mut()
        .insert(Deadline::after(130 * SECOND));
    let began = Instant::now();
    let answered = run_in_line(&provider, request).await;
    // 22 s after the beginning 108 s are left, in which one picture in five is done; the place is free at 35 s.
    assert_eq!(began.elapsed().as_secs(), 22);
    assert_eq!(report(&answered).stopped_by(), StoppedBy::Deadline);
    assert!(report(&answered).attempts().is_empty());
    assert_eq!(answered.unwrap_err().class(), Class::NotBegun);
}
