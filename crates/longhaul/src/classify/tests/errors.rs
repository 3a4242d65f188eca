//! Calls that end without an answer.

use super::*;

#[tokio::test]
async fn an_error_is_judged_by_what_was_sent() {
    // Nobody watches the request body here, so nothing is proved but a refused connection.
    for (kind, class) in [
        (io::ErrorKind::ConnectionRefused, Class::NeverSent),
        (io::ErrorKind::HostUnreachable, Class::NeverSent),
        (io::ErrorKind::ConnectionReset, Class::UnknownOutcome),
        (io::ErrorKind::TimedOut, Class::UnknownOutcome),
    ] {
        let error: BoxError = io::Error::from(kind).into();
        let (attempt, result) = judge::<Empty<Bytes>>(true, Err(error)).await;
        assert_eq!(ended(&attempt), (End::Failed, class));
        let error = result.unwrap_err();
        assert_eq!(error.class(), class);
        assert!(
            error.find_source::<io::Error>().is_some(),
            "the cause is kept"
        );
    }
}

#[tokio::test]
async fn dropped_at_any_point_an_attempt_has_one_outcome() {
    // Polled `polls` times and dropped: first the future, then the body.
    for polls in 0..10 {
        let service = service_fn(async |_: Request<Empty<Bytes>>| {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(json(MockBody::of(long_picture())))
        });
        let mut request = Request::new(Empty::new());
        let (attempt, _) = Attempt::enter(request.extensions_mut());
        let future = ClassifyLayer::default().layer(service).call(request);
        let mut future = Box::pin(future);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut left = polls;
        let mut body = None;
        while left > 0 && body.is_none() {
            left -= 1;
            if let Poll::Ready(response) = future.as_mut().poll(&mut cx) {
                body = Some(response.unwrap().into_body());
            }
        }
        drop(future);
        if let Some(mut body) = body {
            for _ in 0..left {
                let _ = Pin::new(&mut body).poll_frame(&mut cx);
            }
        }
        let (end, class) = ended(&attempt);
        match polls {
            // Before the head nobody watches the request body: it may have been sent.
            0 | 1 => assert_eq!((end, class), (End::Cancelled, Class::UnknownOutcome)),
            2..=6 => assert_eq!((end, class), (End::Cancelled, Class::Undelivered)),
            // Whoever has the last bracket has all of it.
            _ => assert_eq!((end, class), (End::Finished, Class::Delivered)),
        }
    }
}
