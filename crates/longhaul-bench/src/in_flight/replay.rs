//! What is held of request bodies, so that they can be sent again: capped for the whole client.
//!
//! The cap is a promise about memory, and this is where it is seen to hold: bodies are made while they are read, so
//! that nobody but the stack holds them, and calls beyond the cap stream once instead of being kept.

use std::{
    pin::Pin,
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use longhaul::{BoxError, Stack, policy::Policy};
use tower::{Layer, Service};

use crate::{
    contenders::{self, Answering, Mock},
    heap,
    report::Effort,
};

/// Bytes of one body.
pub(super) const BODY: usize = 5_000_000;

/// What all calls together hold.
#[derive(Debug)]
pub(super) struct Retained {
    /// The cap that was set.
    pub(super) cap: usize,
    /// So many calls, and the bytes on the heap while all of them were pending.
    pub(super) held: Vec<(usize, usize)>,
}

/// Calls of 5 MB each, whose bodies are made as they are read, so that nobody but the stack holds them.
pub(super) fn measure(effort: Effort) -> Retained {
    let cap = effort.pick(64 << 20, 256 << 20);
    let most = 4 * cap / BODY;
    let mut policy = Policy::nano_banana_pro();
    policy.in_flight.max_per_host = most;
    policy.detect.client_replay_limit = cap as u64;
    let stack = Stack::new(policy).expect("a sound policy");
    let mut service = stack.layer(Mock::new(Answering::WhenReleased(Arc::new(
        AtomicBool::new(false),
    ))));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of timers alone needs nothing from the system");
    let _timers = runtime.enter();
    let before = heap::live();
    let mut running = Vec::with_capacity(most);
    let mut held = Vec::new();
    for count in 1..=most {
        let call = Request::post("https://api.example/v1/images/generations")
            .header("content-type", "application/json")
            .body(Made { left: BODY })
            .expect("its parts are valid");
        let mut operation = Box::pin(service.call(call));
        assert!(
            contenders::poll(operation.as_mut()).is_pending(),
            "nobody has answered yet"
        );
        running.push(operation);
        if count % (most / 16).max(1) == 0 || count == most {
            held.push((count, heap::live() - before));
        }
    }
    Retained { cap, held }
}

/// A body in pieces of 64 KiB that are made when they are asked for.
struct Made {
    left: usize,
}

impl Body for Made {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = self.left.min(64 << 10);
        self.left -= piece;
        Poll::Ready((piece > 0).then(|| Ok(Frame::data(vec![b'A'; piece].into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
