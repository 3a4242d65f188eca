//! Polled too late: when every clock has run out meanwhile and the answer is there too, the answer wins.

use std::{pin::pin, time::Duration};

use longhaul_sim::Dialect;
use tokio::time::advance;
use tower::{Service, ServiceExt};

use super::{
    every::{LAYERS, Layered, Wrapped},
    gate::{Gate, Pace, Payload},
};
use crate::{
    calls::{picture, poll_once},
    drops::read,
};

/// Longer than any limit, and each limit to the instant: start, write, body idle, body, head, operation.
const LATE: [Duration; 8] = [
    seconds(24 * 3600),
    seconds(20),
    seconds(30),
    seconds(60),
    seconds(300),
    seconds(600),
    seconds(1350),
    seconds(2250),
];
/// Longer than a wait for a place, and within the operation's deadline: after that one nothing is begun any more.
const LATE_FOR_A_PLACE: Duration = Duration::from_secs(300);

/// The head, the frames, and the end.
const STEPS: usize = Payload::PICTURE.len() + 2;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Late by each of the spans, at each of the steps.
fn cases() -> impl Iterator<Item = (usize, Duration)> {
    (0..STEPS).flat_map(|step| LATE.map(|late| (step, late)))
}

/// A gate, and the layer around it.
async fn ready(layer: fn(&Gate) -> Layered) -> (Gate, &'static str, Wrapped) {
    let gate = Gate::answering(Payload::picture().mute());
    let layered = layer(&gate);
    let mut service = layered.service;
    service.ready().await.unwrap();
    (gate, layered.name, service)
}

#[tokio::test(start_paused = true)]
async fn every_answer_that_is_there_beats_clocks_that_ran_out() {
    for layer in LAYERS {
        for (step, late) in cases() {
            let (gate, name, mut service) = ready(layer).await;
            gate.pace(Pace::HeldAt(step));
            let mut call = pin!(read(service.call(picture(Dialect::OpenAi))));
            // As far as it comes; each frame that is handed on takes a poll.
            for _ in 0..2 * STEPS {
                assert!(
                    poll_once(call.as_mut()).await.is_pending(),
                    "{name} at step {step}"
                );
            }

            gate.pace(Pace::AtOnce);
            advance(late).await;

            let answer = call.await;
            assert!(
                answer.is_ok(),
                "{name}, {late:?} late at step {step}: {answer:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_first_polled_after_the_clocks_is_answered() {
    for layer in LAYERS {
        for late in LATE {
            let (_gate, name, mut service) = ready(layer).await;
            let call = read(service.call(picture(Dialect::OpenAi)));

            advance(late).await;

            let answer = call.await;
            assert!(answer.is_ok(), "{name}, {late:?} late: {answer:?}");
        }
    }
}

/// The second of two calls may have to wait for the first one's place. It is free, and so is its answer.
#[tokio::test(start_paused = true)]
async fn every_place_free_when_the_wait_has_run_out_is_taken() {
    for layer in LAYERS {
        let (gate, name, mut service) = ready(layer).await;
        gate.pace(Pace::HeldAt(0));
        let mut first = Box::pin(read(service.call(picture(Dialect::OpenAi))));
        assert!(poll_once(first.as_mut()).await.is_pending(), "{name}");
        let call = service
            .ready()
            .await
            .unwrap()
            .call(picture(Dialect::OpenAi));
        let mut second = pin!(read(call));
        assert!(poll_once(second.as_mut()).await.is_pending(), "{name}");

        gate.pace(Pace::AtOnce);
        first.await.unwrap();
        advance(LATE_FOR_A_PLACE).await;

        let answer = second.await;
        assert!(answer.is_ok(), "{name}: {answer:?}");
    }
}
