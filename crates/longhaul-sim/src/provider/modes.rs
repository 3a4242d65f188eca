//! The ways in which a call ends otherwise than with an answer held until the picture is there.
//!
//! A fault of a silent line (`cut`, a gateway's timeout) strikes a unary call in its silence. A submit is answered
//! within seconds, and a stream may never be silent, so the same script does less harm there: that difference is what
//! tasks and streams are for, and what tests of them show.

use std::{future::pending, time::Duration};

use http::Response;
use serde_json::Value;

use super::{
    answer,
    call::{Call, Stop},
    links,
    stream::{self, Stream},
    tasks::{Kind, Submit},
    work::Generation,
};
use crate::{Body, Fault, SimErrorKind, Work};

impl Call {
    /// Takes the work as a task. Of what breaks lines, only what strikes before its answer does.
    ///
    /// The task is taken up before its answer leaves, as at a real provider: a submit that breaks may leave a task
    /// behind.
    pub(super) async fn submit(
        &mut self,
        kind: Kind,
        work: Work,
        generation: Generation,
        input: Value,
    ) -> Result<Response<Body>, Stop> {
        let submit = Submit {
            provider: self.provider.clone(),
            kind,
            record: self.exchange.record().clone(),
            request_id: self.request_id.clone(),
            path: self.head.uri.path().to_owned(),
            origin: links::origin(&self.head, self.line.as_ref()),
            fault: self.action.fault(),
            work,
            input,
        };
        // Submits are answered within 1 to 4 s.
        let answered = Duration::from_secs_f64(1.0 + 3.0 * self.rng.f64());
        let response = submit.take(generation);
        if let Some(page) = self.broken_within(answered).await? {
            return Ok(page);
        }
        self.provider.inner.clock.sleep(answered).await;
        Ok(response)
    }

    /// Answers as an event stream; what breaks silent lines strikes where the stream is silent.
    pub(super) async fn stream(
        &mut self,
        work: Work,
        generation: Generation,
        partials: u32,
    ) -> Result<Response<Body>, Stop> {
        if let Some(page) = self.broken_within(stream::FIRST).await? {
            return Ok(page);
        }
        self.provider.inner.clock.sleep(stream::FIRST).await;
        self.exchange.answering_with_pictures();
        Ok(Stream {
            provider: self.provider.clone(),
            record: self.exchange.record().clone(),
            request_id: self.request_id.clone(),
            fault: self.action.fault(),
            work,
            generation,
            partials,
            call: "image_generation",
        }
        .answer())
    }

    /// Ends the call if its fault strikes before an answer that comes after `answered`.
    async fn broken_within(&self, answered: Duration) -> Result<Option<Response<Body>>, Stop> {
        let fault = self.action.fault();
        let strikes =
            fault == Fault::Silence || fault.strikes_after().is_some_and(|after| after < answered);
        if strikes {
            self.broken().await
        } else {
            Ok(None)
        }
    }

    /// Ends the call if its fault does so without the answer; `Some` is the page of a gateway.
    ///
    /// `None` where the fault leaves the answer to come.
    pub(super) async fn broken(&self) -> Result<Option<Response<Body>>, Stop> {
        let clock = self.provider.inner.clock;
        let fault = self.action.fault();
        let broken = match fault {
            Fault::Silence => pending().await,
            Fault::GatewayTimeout { after }
            | Fault::Cloudflare524 { after }
            | Fault::Envoy503 { after } => {
                clock.sleep(after).await;
                return Ok(Some(answer::gateway_page(fault)));
            }
            Fault::Reset { after } => Some((after, SimErrorKind::Reset)),
            Fault::Cut { after } => Some((after, SimErrorKind::Cut)),
            Fault::GoAway { after } => Some((after, SimErrorKind::GoAway { processed: true })),
            Fault::RstStream { after } => {
                Some((after, SimErrorKind::StreamReset { processed: true }))
            }
            _ => None,
        };
        if let Some((after, kind)) = broken {
            clock.sleep(after).await;
            return Err(Stop::Broken(kind));
        }
        Ok(None)
    }
}
