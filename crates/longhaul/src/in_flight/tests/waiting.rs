use super::*;

#[tokio::test(start_paused = true)]
async fn fifty_calls_pass_ten_places_in_order_without_a_timeout() {
    let (service, called) = in_flight(
        10,
        Script {
            head: SECOND,
            body: SECOND,
            ..Script::default()
        },
    );
    let start = Instant::now();

    let calls: Vec<_> = (0..50)
        .map(|n| {
            let service = service.clone();
            tokio::spawn(async move { fetch(&service, request(&n.to_string())).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), "halfhalf");
    }

    // Five rounds of two seconds: the places were never idle, and never more than ten taken.
    assert_eq!(start.elapsed(), 10 * SECOND);
    let in_order: Vec<_> = (0..50).map(|n| format!("/{n}")).collect();
    assert_eq!(*called.lock().unwrap(), in_order);
}

#[tokio::test(start_paused = true)]
async fn the_wait_ends_after_exactly_ten_seconds_and_calls_nobody() {
    let (service, called) = in_flight(
        1,
        Script {
            head: 100 * SECOND,
            ..Script::default()
        },
    );
    let mut holder = pin!(fetch(&service, request("holder")));
    assert!(poll_once(holder.as_mut()).await.is_pending());
    let start = Instant::now();

    let result = head(&service, request("waiter")).await;

    let error = result.err().unwrap();
    assert_eq!(start.elapsed(), 10 * SECOND);
    assert_eq!(error.class(), Class::NeverSent);
    assert_eq!(
        error.to_string(),
        "all 1 places in flight stayed taken for 10.0 s; allow more calls in flight, or send fewer at once"
    );
    assert_eq!(*called.lock().unwrap(), ["/holder"]);
    // Who gave up is out of the queue.
    assert!(holder.await.is_ok());
    assert!(has_place(&service, &called).await);
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_not_longer_than_the_operation() {
    let (service, _) = in_flight(1, Script::default());
    let _held = head(&service, request("holder")).await.unwrap();
    let start = Instant::now();

    let mut request = request("waiter");
    request.extensions_mut().insert(Deadline::after(3 * SECOND));

    let error = head(&service, request).await.err().unwrap();
    assert_eq!(error.class(), Class::NotBegun);
    let waited = error.find_source::<Error>().unwrap().kind().clone();
    let kind = ErrorKind::QueueTimeout {
        limit: 3 * SECOND,
        in_flight: 1,
    };
    assert_eq!(waited, kind);
    assert_eq!(start.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_free_when_the_clock_fires_is_taken() {
    let (service, _) = in_flight(1, Script::default());
    let held = head(&service, request("holder")).await.unwrap();
    let mut waiter = pin!(fetch(&service, request("waiter")));
    assert!(poll_once(waiter.as_mut()).await.is_pending());

    // Free long before, and polled long after the end of the wait.
    drop(held);
    tokio::time::advance(60 * SECOND).await;

    assert_eq!(waiter.await.unwrap(), "halfhalf");
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_those_who_wait() {
    let (service, called) = in_flight(1, Script::default());
    let held = head(&service, request("holder")).await.unwrap();
    let mut waiter = pin!(fetch(&service, request("waiter")));
    assert!(poll_once(waiter.as_mut()).await.is_pending());

    drop(held);
    let mut late = pin!(fetch(&service, request("late")));
    assert!(poll_once(late.as_mut()).await.is_pending());

    waiter.await.unwrap();
    late.await.unwrap();
    assert_eq!(*called.lock().unwrap(), ["/holder", "/waiter", "/late"]);
}

#[tokio::test(start_paused = true)]
async fn one_layers_services_share_places_and_hosts_do_not() {
    let (provider, _) = provider(Script::default());
    let policy = InFlightPolicy {
        max_per_host: 1,
        ..InFlightPolicy::default()
    };
    let layer = InFlightLayer::new(policy).unwrap();
    let [one, two] = [layer.layer(provider.clone()), layer.clone().layer(provider)];
    let at = |uri: &str| Request::get(uri).body(Empty::new()).unwrap();

    let _a = head(&one, at("https://a.example/")).await.unwrap();
    let _b = head(&one, at("https://b.example/")).await.unwrap();
    let _port = head(&one, at("https://a.example:8443/")).await.unwrap();
    let _scheme = head(&one, at("http://a.example/")).await.unwrap();
    let _none = head(&one, at("/a")).await.unwrap();

    no_place(head(&two, at("https://A.example:443/other")).await);
    no_place(head(&two, at("/b")).await);
}

#[tokio::test(start_paused = true)]
async fn dropped_while_it_waits_it_leaves_the_queue() {
    // Not polled yet; in the queue; chosen, and not told yet.
    for (polls, chosen) in [(0, false), (1, false), (1, true)] {
        let (service, called) = in_flight(1, Script::default());
        let held = head(&service, request("holder")).await.unwrap();
        let mut ready = service.clone();
        let mut waiter = Box::pin(readied(&mut ready).await.call(request("waiter")));
        for _ in 0..polls {
            assert!(poll_once(waiter.as_mut()).await.is_pending());
        }
        let held = (!chosen).then_some(held);
        drop(waiter);
        drop(held);
        assert!(has_place(&service, &called).await);
        assert_eq!(*called.lock().unwrap(), ["/holder", "/probe"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_begins_with_its_place_and_the_wait_is_told() {
    let (service, _) = in_flight(
        1,
        Script {
            head: 4 * SECOND,
            ..Script::default()
        },
    );
    let waits = Arc::new(AtomicUsize::new(0));
    let heard = waits.clone();
    let observer = Observer::new(move |event: &Event<'_>| {
        assert!(
            matches!(event, Event::QueueTimeout { attempt } if attempt.is_some_and(|attempt| attempt.number() == 1))
        );
        heard.fetch_add(1, Ordering::Relaxed);
    });
    let observed = || {
        let mut request = request("");
        let attempt = Attempt::new(OperationId::new(), 1, None);
        request.extensions_mut().insert(attempt.clone());
        request.extensions_mut().insert(observer.clone());
        (request, attempt)
    };
    let start = Instant::now();

    let (first, first_attempt) = observed();
    let (second, second_attempt) = observed();
    let (one, two) = tokio::join!(fetch(&service, first), fetch(&service, second));
    one.and(two).unwrap();

    assert_eq!(first_attempt.started(), start);
    assert_eq!(second_attempt.started(), start + 4 * SECOND);
    assert_eq!(waits.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_queues_holds_nothing_of_the_service_below() {
    let client = MockClient::new(|_| pending());
    let policy = InFlightPolicy {
        max_per_host: 1,
        ..InFlightPolicy::default()
    };
    let mut service = InFlightLayer::new(policy).unwrap().layer(client.clone());
    let first = readied(&mut service).await.call(request("first"));
    let second = readied(&mut service).await.call(request("second"));
    let mut second = Box::pin(second);
    assert!(poll_once(second.as_mut()).await.is_pending());
    assert_eq!(client.reserved(), 0);
    // With its place it makes the service ready, and calls it.
    drop(first);
    assert!(poll_once(second.as_mut()).await.is_pending());
    assert_eq!(client.reserved(), 0);
}
