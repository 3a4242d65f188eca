//! A place belongs to an operation: what is made beside a late attempt shares it.

use tokio::{sync::oneshot, task::LocalSet, time::sleep};

use super::*;

/// Attempt `number` at this host, which may share the place of `beside`.
fn attempt_at(
    uri: &str,
    number: u32,
    beside: Option<&Attempt>,
) -> (Request<Empty<Bytes>>, Attempt) {
    let attempt = Attempt::new(OperationId::new(), number, None);
    if let Some(place) = beside.and_then(Attempt::place) {
        attempt.set_place(&place);
    }
    let mut request = Request::get(uri).body(Empty::new()).unwrap();
    request.extensions_mut().insert(attempt.clone());
    (request, attempt)
}

/// One place at each host.
fn single(script: Script) -> (InFlightLayer, InFlight<MockClient>, Called) {
    let (provider, called) = provider(script);
    let policy = InFlightPolicy {
        max_per_host: 1,
        ..InFlightPolicy::default()
    };
    let layer = InFlightLayer::new(policy).unwrap();
    let service = layer.layer(provider);
    (layer, service, called)
}

/// Where a call ends: dropped there, or at its last byte, or as one that was rejected and is kept.
#[derive(Clone, Copy, Debug)]
enum Until {
    Begun,
    Polled,
    Head,
    HalfTheBody,
    TheEnd,
    Judged,
}

const EVERY: [Until; 6] = [
    Until::Begun,
    Until::Polled,
    Until::Head,
    Until::HalfTheBody,
    Until::TheEnd,
    Until::Judged,
];

/// Brings a call so far, keeps it there until it is told to go, and lets it end so.
async fn come(
    mut service: InFlight<MockClient>,
    request: Request<Empty<Bytes>>,
    until: Until,
    go: oneshot::Receiver<()>,
) {
    let mut call = Box::pin(readied(&mut service).await.call(request));
    let frames = match until {
        Until::Begun | Until::Polled => {
            if matches!(until, Until::Polled) {
                assert!(poll_once(call.as_mut()).await.is_pending());
            }
            go.await.unwrap();
            return;
        }
        Until::Judged => {
            go.await.unwrap();
            let _kept = call.await.unwrap();
            return pending().await;
        }
        Until::Head => 0,
        Until::HalfTheBody | Until::TheEnd => 1,
    };
    let mut body = call.await.unwrap().into_body();
    for _ in 0..frames {
        body.frame().await.unwrap().unwrap();
    }
    go.await.unwrap();
    if matches!(until, Until::TheEnd) {
        body.frame().await.unwrap().unwrap();
        // It is kept, and has ended.
        pending::<()>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_made_beside_another_goes_out_at_once() {
    let script = Script {
        head: 700 * SECOND,
        ..Script::default()
    };
    let (layer, service, called) = single(script);
    let (first, attempt) = attempt_at("https://a.example/first", 1, None);
    let mut first = pin!(head(&service, first));
    assert!(poll_once(first.as_mut()).await.is_pending());
    let mut waiter = pin!(head(&service, request("waiter")));
    assert!(poll_once(waiter.as_mut()).await.is_pending());

    let (second, _) = attempt_at("https://a.example/second", 2, Some(&attempt));
    let mut second = pin!(head(&service, second));
    assert!(poll_once(second.as_mut()).await.is_pending());

    assert_eq!(*called.lock().unwrap(), ["/first", "/second"]);
    assert_eq!(layer.taken(), 1, "one operation");
}

#[tokio::test(start_paused = true)]
async fn at_another_host_it_takes_a_place_of_that_host() {
    let script = Script {
        head: SECOND,
        ..Script::default()
    };
    let (layer, service, called) = single(script);
    let (first, attempt) = attempt_at("https://a.example/first", 1, None);
    let mut first = pin!(head(&service, first));
    assert!(poll_once(first.as_mut()).await.is_pending());
    let held = Request::get("https://b.example/held").body(Empty::new());
    let mut held = pin!(head(&service, held.unwrap()));
    assert!(poll_once(held.as_mut()).await.is_pending());

    let (second, other) = attempt_at("https://b.example/second", 2, Some(&attempt));
    let mut second = pin!(head(&service, second));
    assert!(poll_once(second.as_mut()).await.is_pending());
    assert_eq!(*called.lock().unwrap(), ["/first", "/held"]);
    assert_eq!(layer.taken(), 2);

    drop(held.await.unwrap());
    assert!(poll_once(second.as_mut()).await.is_pending());
    assert_eq!(*called.lock().unwrap(), ["/first", "/held", "/second"]);
    let places = [attempt, other].map(|attempt| attempt.place().unwrap());
    assert!(!Arc::ptr_eq(&places[0], &places[1]));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_was_given_back_is_waited_for() {
    let (_, service, called) = single(Script::default());
    let (first, attempt) = attempt_at("https://a.example/first", 1, None);
    fetch(&service, first).await.unwrap();
    assert!(attempt.place().is_none());
    let held = head(&service, request("held")).await.unwrap();

    let (second, _) = attempt_at("https://a.example/second", 2, Some(&attempt));
    let mut second = pin!(fetch(&service, second));
    assert!(poll_once(second.as_mut()).await.is_pending());
    assert_eq!(*called.lock().unwrap(), ["/first", "/held"]);
    drop(held);
    second.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn wherever_both_end_the_place_is_free_once() {
    for first in EVERY {
        for second in EVERY {
            for first_ends_first in [true, false] {
                let ends = LocalSet::new();
                ends.run_until(both_end(first, second, first_ends_first))
                    .await;
            }
        }
    }
}

/// Two attempts that share a place end so.
async fn both_end(first_until: Until, second_until: Until, first_ends_first: bool) {
    let (layer, ..) = single(Script::default());
    let begin = |request, until| {
        let script = Script {
            head: if matches!(until, Until::Polled) {
                1_000 * SECOND
            } else {
                Duration::ZERO
            },
            judged: matches!(until, Until::Judged),
            ..Script::default()
        };
        let service = layer.layer(provider(script).0);
        let (go, told) = oneshot::channel();
        tokio::task::spawn_local(come(service, request, until, told));
        go
    };
    let (first, attempt) = attempt_at("https://a.example/first", 1, None);
    let mut one = begin(first, first_until);
    tokio::task::yield_now().await;
    let (second, _) = attempt_at("https://a.example/second", 2, Some(&attempt));
    let mut two = begin(second, second_until);
    sleep(SECOND).await;
    let what = format!("{first_until:?}, {second_until:?}, {first_ends_first}");
    assert_eq!(layer.taken(), 1, "both: {what}");

    if !first_ends_first {
        std::mem::swap(&mut one, &mut two);
    }
    one.send(()).unwrap();
    sleep(SECOND).await;
    assert_eq!(layer.taken(), 1, "one: {what}");
    two.send(()).unwrap();
    sleep(SECOND).await;
    assert_eq!(layer.taken(), 0, "none: {what}");
    assert!(attempt.place().is_none());
}
