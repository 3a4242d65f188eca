//! One request, from its head to its answer.
//!
//! The order of the steps is the order in which a real provider finds things out, and decides what is charged: what can
//! be told by the head comes before the body is read; refusals come before work; work starts, and only then may the
//! connection break.
//!
//! 1. Questions that are no calls are answered: the log, polls of tasks, downloads.
//! 2. The request gets its number, its action and its entry.
//! 3. Faults before the body; the body; faults in place of an answer.
//! 4. The document is read in the words of its dialect, and refused if it cannot be made.
//! 5. The work starts, and is charged whatever follows. 6. The answer, as a whole, as a task or as a stream.
//!
//! The future may be dropped at any await: the entry is closed by [`Exchange`], and the work runs in a task of its own.
//! `provider/tests/drops.rs` goes through the phases.

use std::sync::atomic::Ordering;

use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts,
};

use super::{
    Provider, answer, asked,
    finish::Finish,
    intake, links,
    tasks::{self, Mode},
    tell,
    work::{Generation, Order},
};
use crate::{
    Action, Body, Entry, Fault, SimError, SimErrorKind, TaskFailure, Work,
    dialect::{Dialect, Refusal},
    error::BoxError,
    line::Line,
    oracle::Exchange,
};

/// Why a request gets no answer with pictures.
pub(super) enum Stop {
    /// An answer in the words of the dialect; free.
    Refused(Refusal),
    /// The connection ends in place of an answer.
    Broken(SimErrorKind),
    /// The client's body failed, so there is nothing to answer.
    RequestBody(BoxError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A request that has an entry.
pub(super) struct Call {
    pub(super) provider: Provider,
    pub(super) head: Parts,
    pub(super) line: Option<Line>,
    pub(super) exchange: Exchange,
    pub(super) request_id: String,
    /// The idempotency key, where it carries one.
    key: Option<String>,
    pub(super) action: Action,
    /// The dialect of the path; if the path is not known, the one to refuse it in.
    dialect: Result<Dialect, Dialect>,
    /// All that is drawn for this request comes from here, so that it does not depend on what other requests do.
    pub(super) rng: fastrand::Rng,
}

/// Answers one request: a call, a poll, a download, or a question for the log.
pub(super) async fn handle<B>(
    provider: Provider,
    request: Request<B>,
) -> Result<Response<Body>, SimError>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    let (mut head, body) = request.into_parts();
    let line = head.extensions.remove::<Line>();
    if tell::is_asked(&head) {
        return Ok(tell::page(&provider, &head));
    }
    if let Some(asked) = tasks::asked(&head) {
        return Ok(tasks::answer(&provider, &head, asked, line).await);
    }
    let asked = asked::by_headers(&head.headers);
    if links::is_download(&head) {
        let fault = asked
            .ok()
            .and_then(|(action, _)| action)
            .unwrap_or_default()
            .fault();
        return Ok(links::download(&provider, &head, fault, line));
    }
    let number = provider.inner.arrivals.fetch_add(1, Ordering::Relaxed) + 1;
    let (action, misasked) = match asked {
        Ok((action, takes)) => {
            let action = action.unwrap_or_else(|| provider.next_action(number, &head));
            (takes.map_or(action, |takes| action.taking(takes)), None)
        }
        Err(message) => (
            Action::default(),
            Some(Stop::Refused(Refusal::BadRequest(message))),
        ),
    };
    if let Fault::Refused { .. } = action.fault() {
        provider.inner.oracle.count_refusal();
        return Err(SimError::new(SimErrorKind::Refused));
    }
    let mut call = Call::open(provider, head, line, number, action);
    let outcome = match misasked {
        Some(stop) => Err(stop),
        None => call.run(body).await,
    };
    call.end(outcome)
}

impl Call {
    /// Opens the entry. The generator of chances is seeded by the request's number, so equal orders of arrival give
    /// equal runs.
    fn open(
        provider: Provider,
        head: Parts,
        line: Option<Line>,
        number: u64,
        action: Action,
    ) -> Self {
        let settings = &provider.inner.settings;
        // An odd factor spreads neighbouring numbers over all seeds.
        let seed = settings
            .seed
            .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut rng = fastrand::Rng::with_seed(seed);
        let request_id = format!("req_{:016x}", rng.u64(..));
        let key = asked::text(&head.headers, &settings.key_header).map(str::to_owned);
        let exchange = provider.inner.oracle.open(Entry {
            key: key.clone(),
            attempt: asked::attempt(&head.headers, &settings.attempt_header),
            connection: line.as_ref().map(Line::number),
            fault: action.fault(),
            ..Entry::arrived(number, request_id.clone(), &head)
        });
        let dialect = Dialect::of_path(head.uri.path());
        Self {
            provider,
            head,
            line,
            exchange,
            request_id,
            key,
            action,
            dialect,
            rng,
        }
    }

    /// Steps 3 to 6; `Err` is what stops the request on its way.
    async fn run<B>(&mut self, body: B) -> Result<Response<Body>, Stop>
    where
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let fault = self.action.fault();
        match fault {
            Fault::Early => return Err(Refusal::Overloaded.into()),
            Fault::GoAwayUnprocessed => {
                return Err(Stop::Broken(SimErrorKind::GoAway { processed: false }));
            }
            Fault::RefusedStream => {
                return Err(Stop::Broken(SimErrorKind::StreamReset { processed: false }));
            }
            _ => {}
        }
        let body = intake::read(body, fault, &self.exchange).await?;
        if let Fault::OverloadedAfter { after } = fault {
            self.provider.inner.clock.sleep(after).await;
        }
        if let Some(refusal) = answer::refusal(fault, &self.provider.inner.clock) {
            return Err(refusal.into());
        }
        let dialect = self.dialect.map_err(|_| Refusal::NotFound)?;
        if self.head.method != Method::POST {
            return Err(Refusal::Method.into());
        }
        if fault == Fault::Redirect {
            return Ok(self.redirect());
        }
        asked::check_key(&self.provider, &self.head.headers)?;
        let document = Dialect::parse(&body)?;
        let work = dialect.read(self.head.uri.path(), &document)?;
        let settings = &self.provider.inner.settings;
        let mode = Mode::of(
            dialect,
            &self.head,
            &document,
            settings.tasks,
            settings.streams,
        )?;
        if fault == Fault::Blocked && dialect == Dialect::OpenAi {
            return Err(Refusal::Blocked.into());
        }
        let generation = self.generation(&work, mode, &body)?;
        match mode {
            Mode::Unary => self.deliver(work, generation).await,
            Mode::Task(kind) => {
                if fault == Fault::SubmitTwice {
                    self.generation(&work, mode, &body)?;
                }
                let input = document["input"].clone();
                self.submit(kind, work, generation, input).await
            }
            Mode::Stream => {
                let partials = document["partial_images"]
                    .as_u64()
                    .or(document["tools"][0]["partial_images"].as_u64());
                self.stream(work, generation, partials.unwrap_or(0).min(3) as u32)
                    .await
            }
        }
    }

    /// 307 to the same path below `/elsewhere`, which works: dialects are told by the end of a path.
    fn redirect(&self) -> Response<Body> {
        let path = self
            .head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let mut response = answer::response(
            StatusCode::TEMPORARY_REDIRECT,
            "text/plain",
            Body::whole(Vec::new()),
        );
        if let Ok(location) = HeaderValue::try_from(format!("/elsewhere{path}")) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }

    /// Starts the work, or finds the one under the same key. A fault that breaks into the work makes it take long
    /// enough for that.
    fn generation(&mut self, work: &Work, mode: Mode, body: &[u8]) -> Result<Generation, Refusal> {
        let drawn = work.resolution.generation_time(self.rng.f64());
        let takes = self
            .action
            .takes()
            .or(self.provider.inner.settings.generation)
            .unwrap_or(drawn);
        let fault = self.action.fault();
        let failure = match fault {
            Fault::TaskFailed { failure } if mode != Mode::Unary => Some(failure),
            Fault::Blocked if mode != Mode::Unary => Some(TaskFailure::Policy),
            _ => None,
        };
        let order = Order {
            takes: takes.max(fault.outlasted()),
            fruitless: failure.is_some() || matches!(fault, Fault::NoImage | Fault::Blocked),
            free: failure.is_some_and(|failure| !failure.is_charged()),
            rng: self.rng.fork(),
        };
        let record = self.exchange.record().clone();
        let start = || Generation::start(&self.provider, record, work, order);
        let (generation, replayed) = match (&self.provider.inner.replays, &self.key) {
            (Some(replays), Some(key)) => replays.of(key, self.head.uri.path(), body, start)?,
            _ => (start(), false),
        };
        self.exchange.accepted(work, replayed);
        Ok(generation)
    }

    /// The unary answer: waited for, unless the fault answers earlier.
    async fn deliver(
        &mut self,
        work: Work,
        generation: Generation,
    ) -> Result<Response<Body>, Stop> {
        let clock = self.provider.inner.clock;
        let fault = self.action.fault();
        if let Some(page) = self.broken().await? {
            return Ok(page);
        }
        let finish = Finish {
            provider: self.provider.clone(),
            record: self.exchange.record().clone(),
            request_id: self.request_id.clone(),
            origin: links::origin(&self.head, self.line.as_ref()),
            blocked: fault == Fault::Blocked,
            work,
        };
        self.exchange.answering_with_pictures();
        let body = match fault {
            Fault::Heartbeat { every } => {
                Body::beating(clock.real(every), Box::pin(finish.pieces(generation)))
            }
            _ => answer::shaped(Body::whole(finish.pieces(generation).await), fault, &clock),
        };
        let mut response = answer::response(StatusCode::OK, "application/json", body);
        answer::version(&mut response, fault, self.head.version);
        Ok(response)
    }

    /// Sends what came out, and leaves the exchange open until the answer's body is at its end.
    fn end(mut self, outcome: Result<Response<Body>, Stop>) -> Result<Response<Body>, SimError> {
        let mut response = match outcome {
            Ok(response) => response,
            Err(Stop::Refused(refusal)) => self.refuse(&refusal),
            Err(Stop::Broken(kind)) => {
                self.exchange.broke_off();
                return Err(SimError::new(kind));
            }
            Err(Stop::RequestBody(error)) => return Err(SimError::request_body(error)),
        };
        if let Ok(id) = HeaderValue::try_from(&self.request_id) {
            response
                .headers_mut()
                .insert(HeaderName::from_static("x-request-id"), id);
        }
        self.exchange.answering(response.status());
        let (exchange, line) = (self.exchange, self.line);
        Ok(response.map(|body| {
            body.on_line(line).ending(|whole| {
                if whole {
                    exchange.answered();
                } else {
                    exchange.broke_off();
                }
            })
        }))
    }

    /// A refusal with the headers that go with it.
    fn refuse(&self, refusal: &Refusal) -> Response<Body> {
        let dialect = self.dialect.unwrap_or_else(|guess| guess);
        let (status, body) = answer::refuse(dialect, refusal);
        let mut response = answer::response(status, "application/json", body);
        if let Some((name, value)) =
            answer::wait_header(self.action.fault(), &self.provider.inner.clock)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
