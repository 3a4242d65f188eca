//! Readiness: what is made ready is called, what is cloned is made ready anew, what is broken or busy is passed on.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Wake},
};

use longhaul::ErrorKind;
use longhaul_sim::Dialect;
use tower::{Service, ServiceExt};

use super::{
    every::every_layer_around,
    gate::{Gate, Payload, Readiness},
};
use crate::calls::picture;

#[tokio::test(start_paused = true)]
async fn every_layer_calls_what_it_readied_and_readies_its_clones() {
    let gate = Gate::answering(Payload::picture());
    for layered in every_layer_around(&gate) {
        let (name, mut service) = (layered.name, layered.service);
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
    let gate = Gate::answering(Payload::picture());
    gate.set(Readiness::Broken);
    for layered in every_layer_around(&gate) {
        let (name, mut service) = (layered.name, layered.service);
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
    let gate = Gate::answering(Payload::picture());
    for layered in every_layer_around(&gate) {
        let (name, mut service) = (layered.name, layered.service);
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
