//! Dropped after any poll: nothing stays behind, and whatever was begun has its one ending.

use futures_util::FutureExt;
use longhaul_sim::Dialect;
use tower::{Service, ServiceExt};

use super::{
    every::{LAYERS, Layered},
    gate::{Gate, Pace, Payload},
};
use crate::{
    calls::{picture, send},
    drops::{polled, read},
};

/// Nothing, something, and more than is read before it is handed on; and all that breaks.
fn answers() -> [(&'static str, Payload); 6] {
    let short = Payload::picture;
    let long = || Payload::of(&[LONG, LONG, LONG]);
    [
        ("no body", Payload::of(&[])),
        ("a short body", short()),
        ("a long body", long()),
        ("no head", short().breaking_at(0)),
        ("half a short body", short().breaking_at(2)),
        ("two thirds of a long body", long().breaking_at(3)),
    ]
}

const LONG: &str = match std::str::from_utf8(&[b' '; 40_000]) {
    Ok(spaces) => spaces,
    Err(_) => unreachable!(),
};

#[tokio::test(start_paused = true)]
async fn dropped_after_any_poll_every_future_and_body_leaves_nothing() {
    for (what, answer) in answers() {
        for layer in LAYERS {
            for polls in 0.. {
                let gate = Gate::answering(answer.clone());
                gate.pace(Pace::Stuttering);
                let mut layered = layer(&gate);
                layered.service.ready().await.unwrap();
                let call = layered.service.call(picture(Dialect::OpenAi));

                let ended = polled(read(call), polls).await.is_some();

                let when = format!("{} after {polls} polls of {what}", layered.name);
                assert_nothing_is_left(&gate, &layered, &when);
                assert_answers_at_once(&gate, layered, &when);
                if ended {
                    assert!(polls > 1, "{when}: nothing was pending");
                    break;
                }
            }
        }
    }
}

fn assert_nothing_is_left(gate: &Gate, layered: &Layered, when: &str) {
    assert_eq!(gate.alive(), 0, "{when}: something below is still there");
    for attempt in gate.attempts() {
        assert!(attempt.outcome_now().is_some(), "{when}: {attempt:?}");
    }
    let Some(ledger) = &layered.ledger else {
        return;
    };
    let records = ledger.records();
    assert!(
        records.len() >= gate.attempts().len(),
        "{when}: an entry is missing"
    );
    assert!(
        records.iter().all(|record| !record.is_open()),
        "{when}: {records:?}"
    );
}

/// No place, lock or turn is kept by what was dropped.
fn assert_answers_at_once(gate: &Gate, layered: Layered, when: &str) {
    gate.pace(Pace::AtOnce);
    gate.answer(Payload::picture());
    let answer = send(layered.service, picture(Dialect::OpenAi)).now_or_never();
    let answer = answer.unwrap_or_else(|| panic!("{when}: the next call has to wait"));
    assert!(answer.is_ok(), "{when}: {answer:?}");
}
