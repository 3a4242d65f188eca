use super::*;

#[tokio::test(start_paused = true)]
async fn the_place_is_held_to_the_last_byte() {
    let (service, called) = in_flight(1, Script::default());
    let mut body = head(&service, request("")).await.unwrap().into_body();

    assert!(!has_place(&service, &called).await);
    body.frame().await.unwrap().unwrap();
    assert!(!has_place(&service, &called).await);
    body.frame().await.unwrap().unwrap();
    // The reader that knows the length does not ask again.
    assert!(has_place(&service, &called).await);
}

#[tokio::test(start_paused = true)]
async fn dropped_anywhere_it_leaves_its_place() {
    let script = Script {
        head: SECOND,
        body: SECOND,
        ..Script::default()
    };
    // Never polled; waiting for the head.
    for polls in [0, 1] {
        let (service, called) = in_flight(1, script);
        let mut ready = service.clone();
        let future = readied(&mut ready).await.call(request(""));
        let mut future = Box::pin(future);
        for _ in 0..polls {
            assert!(poll_once(future.as_mut()).await.is_pending());
        }
        assert!(!has_place(&service, &called).await);
        drop(future);
        assert!(has_place(&service, &called).await);
    }
    // The head here and the body not begun; in the middle of the body.
    for frames in [0, 1] {
        let (service, called) = in_flight(1, script);
        let mut body = head(&service, request("")).await.unwrap().into_body();
        for _ in 0..frames {
            body.frame().await.unwrap().unwrap();
        }
        assert!(!has_place(&service, &called).await);
        drop(body);
        assert!(has_place(&service, &called).await);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_leave_their_place_at_once() {
    let (service, called) = in_flight(
        1,
        Script {
            fails: true,
            ..Script::default()
        },
    );
    let mut ready = service.clone();
    let mut future = pin!(readied(&mut ready).await.call(request("")));
    let error = future.as_mut().await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Inner);
    // Although the future is still there.
    assert!(has_place(&service, &called).await);

    let (service, called) = in_flight(
        1,
        Script {
            breaks: true,
            ..Script::default()
        },
    );
    let mut body = head(&service, request("")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap_err();
    assert!(has_place(&service, &called).await);
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_gives_its_place_to_the_next_attempt() {
    let (service, _) = in_flight(
        1,
        Script {
            judged: true,
            ..Script::default()
        },
    );
    let attempt = |number| {
        let mut request = request("");
        let attempt = Attempt::new(OperationId::new(), number, None);
        request.extensions_mut().insert(attempt);
        request
    };
    let start = Instant::now();

    let kept = head(&service, attempt(1)).await.unwrap();
    let second = head(&service, attempt(2)).await.unwrap();

    assert_eq!(start.elapsed(), Duration::ZERO);
    // What was kept can still be read.
    assert_eq!(kept.collect().await.unwrap().to_bytes(), "halfhalf");
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_moved_and_never_cloned() {
    let (mut service, _) = in_flight(1, Script::default());
    readied(&mut service).await;
    let mut clone = service.clone();

    // The client panics if it is called without having been polled ready.
    let held = service.call(request("")).await.unwrap();
    readied(&mut clone).await;
    let mut waiting = pin!(clone.call(request("")));
    assert!(poll_once(waiting.as_mut()).await.is_pending());
    drop(held);
    waiting.await.unwrap();
    readied(&mut clone).await.call(request("")).await.unwrap();
}
