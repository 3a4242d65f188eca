//! Bodies: what they tell of their length and end is what the ones inside tell, or more.

use std::{future::poll_fn, pin::pin, task::Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use longhaul_sim::Dialect;
use tower::ServiceExt;

use super::{
    every::every_layer_around,
    gate::{Gate, Payload, Told},
};
use crate::calls::{picture, post};

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
async fn every_response_body_tells_the_length_and_end_of_its_inner() {
    let answers = [
        Payload::of(&[]),
        Payload::of(&["one"]),
        Payload::of(&["one", "and", "another"]),
        Payload::of(&["one", "and", "another"]).mute(),
    ];
    for answer in answers {
        for layered in every_layer_around(&Gate::answering(answer.clone())) {
            let (name, service) = (layered.name, layered.service);
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
async fn every_request_body_tells_the_length_and_end_of_the_callers() {
    for body in ["", "{}", "\"a longer one\""] {
        let body = Full::new(Bytes::from(body));
        let gate = Gate::default();
        for layered in every_layer_around(&gate) {
            let (name, service) = (layered.name, layered.service);
            service.oneshot(post("v1", body.clone())).await.unwrap();
            assert_eq!(gate.seen().last(), Some(&Told::by(&body)), "{name}");
        }
    }
}

/// Polling past the end of a body finds nothing more there.
#[tokio::test(start_paused = true)]
async fn every_response_body_stays_ended() {
    for layered in every_layer_around(&Gate::answering(Payload::of(&["one"]))) {
        let (name, service) = (layered.name, layered.service);
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
