//! What every layer owes to its neighbours.

use std::{
    error::Error as _,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use longhaul::ErrorKind;
use longhaul_sim::Dialect;
use tower::{Service, ServiceExt};

use crate::{
    bench::{picture, post},
    gate::{Gate, Payload, Readiness, Told, every_layer_around},
};

#[tokio::test(start_paused = true)]
async fn every_layer_calls_what_it_made_ready_and_readies_what_it_cloned() {
    let gate = Gate::default();
    for (name, mut service) in every_layer_around(&gate) {
        let before = gate.seen().len();
        let request = || picture(Dialect::OpenAi);
        // The gate panics where readiness is lost or made up.
        service.ready().await.unwrap();
        let mut clone = service.clone();
        service.call(request()).await.unwrap();
        clone.ready().await.unwrap().call(request()).await.unwrap();
        service
            .ready()
            .await
            .unwrap()
            .call(request())
            .await
            .unwrap();
        assert_eq!(gate.seen().len(), before + 3, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_passes_on_that_the_service_below_is_broken() {
    let gate = Gate::default();
    gate.set(Readiness::Broken);
    for (name, mut service) in every_layer_around(&gate) {
        let error = service.ready().await.err().unwrap();
        assert_eq!(*error.kind(), ErrorKind::Inner, "{name}");
        let source = error.source().unwrap().to_string();
        assert_eq!(source, "the gate is broken", "{name}");
    }
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn every_layer_passes_back_pressure_on_and_wakes_when_it_ends() {
    let gate = Gate::default();
    for (name, mut service) in every_layer_around(&gate) {
        gate.set(Readiness::Pending);
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        let mut cx = Context::from_waker(&waker);
        assert!(service.poll_ready(&mut cx).is_pending(), "{name}");
        gate.set(Readiness::Ready);
        assert_eq!(woken.0.load(Relaxed), 1, "{name}");
        assert!(service.poll_ready(&mut cx).is_ready(), "{name}");
        service.call(picture(Dialect::Gemini)).await.unwrap();
    }
}

/// What a body tells before each frame and at its end, with the bytes that are really left.
async fn told_all_along(body: impl http_body::Body<Data = Bytes>) -> Vec<(Told, u64)> {
    let mut body = pin!(body);
    let mut told = vec![(Told::by(&body), 0)];
    while let Some(frame) = body.frame().await {
        let length = frame.ok().unwrap().into_data().unwrap().len() as u64;
        for (_, left) in &mut told {
            *left += length;
        }
        told.push((Told::by(&body), 0));
    }
    told
}

#[tokio::test(start_paused = true)]
async fn every_response_body_tells_its_length_and_its_end_if_the_one_inside_does() {
    let answers = [
        Payload::of(&[]),
        Payload::of(&["one"]),
        Payload::of(&["one", "and", "another"]),
        Payload::of(&["one", "and", "another"]).mute(),
    ];
    for answer in answers {
        for (name, service) in every_layer_around(&Gate::answering(answer.clone())) {
            let response = service.oneshot(picture(Dialect::OpenAi)).await.unwrap();
            for (told, left) in told_all_along(response.into_body()).await {
                let context = format!("{name}: {told:?} of {answer:?} with {left} bytes left");
                // A layer that has read ahead may know more than the body inside told.
                let right = told.lower <= left && told.upper.is_none_or(|upper| left <= upper);
                assert!(right && (left == 0 || !told.ended), "{context}");
                if !answer.mute {
                    assert_eq!((told.lower, told.upper), (left, Some(left)), "{context}");
                    assert_eq!(told.ended, left == 0, "{context}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_body_tells_its_length_and_its_end_as_the_callers() {
    for body in ["", "{}", "\"a longer one\""] {
        let body = Full::new(Bytes::from(body));
        let gate = Gate::default();
        for (name, service) in every_layer_around(&gate) {
            service.oneshot(post("v1", body.clone())).await.unwrap();
            assert_eq!(gate.seen().last(), Some(&Told::by(&body)), "{name}");
        }
    }
}

/// Polling past the end of a body finds nothing more there.
#[tokio::test(start_paused = true)]
async fn every_response_body_stays_ended() {
    for (name, service) in every_layer_around(&Gate::answering(Payload::of(&["one"]))) {
        let response = service.oneshot(picture(Dialect::OpenAi)).await.unwrap();
        let mut body = response.into_body();
        while body.frame().await.is_some() {}
        for _ in 0..2 {
            let again = poll_fn(|cx| {
                Poll::Ready(http_body::Body::poll_frame(
                    std::pin::Pin::new(&mut body),
                    cx,
                ))
            });
            assert!(matches!(again.await, Poll::Ready(None)), "{name}");
        }
    }
}
