//! From the work to an answer with pictures, or to what comes instead.

use std::future::pending;

use http::{Response, StatusCode};

use super::{
    answer,
    call::{Call, Stop},
    finish::Finish,
    links,
    work::Generation,
};
use crate::{Body, Fault, Work};

impl Call {
    pub(super) async fn deliver(
        &mut self,
        work: Work,
        generation: Generation,
    ) -> Result<Response<Body>, Stop> {
        let clock = self.provider.inner.clock;
        let fault = self.action.fault();
        if work.stream {
            return Ok(self.stream(work, generation));
        }
        match fault {
            Fault::Silence => pending().await,
            Fault::GatewayTimeout { after }
            | Fault::Cloudflare524 { after }
            | Fault::Envoy503 { after } => {
                clock.sleep(after).await;
                return Ok(answer::gateway_page(fault));
            }
            _ => {}
        }
        if let Some((after, kind)) = answer::break_off(fault) {
            clock.sleep(after).await;
            return Err(Stop::Broken(kind));
        }
        let finish = self.finish(work);
        let body = match fault {
            Fault::Heartbeat { every } => Body::later(
                Some((clock.real(every), " ")),
                Box::pin(async move { Body::whole(finish.pieces(generation).await) }),
            ),
            _ => answer::shaped(Body::whole(finish.pieces(generation).await), fault, &clock),
        };
        let mut response = answer::response(StatusCode::OK, "application/json", body);
        answer::version(&mut response, fault, self.head.version);
        Ok(response)
    }

    /// A stream of events: the head at once, and what goes wrong goes wrong behind it.
    fn stream(&mut self, work: Work, generation: Generation) -> Response<Body> {
        let clock = self.provider.inner.clock;
        let fault = self.action.fault();
        let finish = self.finish(work);
        let rest = async move {
            if fault == Fault::Silence {
                pending::<()>().await;
            }
            if let Some((after, kind)) = answer::break_off_after_head(fault) {
                clock.sleep(after).await;
                return Body::broken(kind);
            }
            answer::shaped(Body::whole(finish.pieces(generation).await), fault, &clock)
        };
        let beats = match fault {
            Fault::Heartbeat { every } => Some((clock.real(every), ": keep-alive\n\n")),
            _ => None,
        };
        let body = Body::later(beats, Box::pin(rest));
        answer::response(StatusCode::OK, "text/event-stream", body)
    }

    /// From here on the answer is one with pictures.
    fn finish(&mut self, work: Work) -> Finish {
        self.exchange.answering_with_pictures();
        Finish {
            provider: self.provider.clone(),
            record: self.exchange.record().clone(),
            request_id: self.request_id.clone(),
            origin: links::origin(&self.head, self.line.as_ref()),
            blocked: self.action.fault() == Fault::Blocked,
            work,
        }
    }
}
