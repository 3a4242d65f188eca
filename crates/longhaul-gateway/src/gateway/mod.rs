//! All parts together: from a caller's request to an answer.
//!
//! 1. The caller is [identified](crate::caller) by its key.
//! 2. The address of an operation is answered from what is [kept](crate::replay), as is all below `/v1/longhaul`: no upstream is
//!    asked there.
//! 3. An [upstream](crate::upstream) is chosen by path and host; a request that makes no picture and no text is passed on to it as
//!    it comes, and that is all.
//! 4. The body is read whole, within limits: its model chooses among upstreams, its size decides how long to wait.
//! 5. [`Heartbeat`](crate::heartbeat), [`IdempotentReplay`](crate::replay) and [`Detach`](crate::detach) take the call, in this
//!    order.
//! 6. It gets its [turn](crate::turns) and its caller's [money](crate::money), and goes through the layers of `longhaul`.
//!
//! What goes wrong at any of these is a [`Refusal`] in the caller's dialect.
//!
//! A gateway within a program of one's own, without a socket:
//!
//! ```
//! use axum::body::Body;
//! use http::Request;
//! use longhaul_gateway::{config::{Config, UpstreamConfig}, gateway::Gateway};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let mut relay = UpstreamConfig::new("relay", "http://127.0.0.1:9");
//! relay.paths = vec!["/v1/".to_owned()];
//! let mut config = Config::default();
//! config.upstreams.push(relay);
//! (config.ledger, config.state) = ("memory".to_owned(), "memory".to_owned());
//! # config.replay.folder = folder.path().join("answers");
//!
//! let gateway = Gateway::new(&config).await?;
//! let lost = gateway.answer(Request::get("/nowhere").body(Body::empty())?).await;
//! assert_eq!(lost.status(), 404, "whatever happens is an answer");
//! assert_eq!(gateway.ready().status(), 200);
//! gateway.drain();
//! assert_eq!(gateway.ready().status(), 503, "a load balancer sends no more calls");
//! gateway.close().await;
//! # Ok(()) }
//! ```

mod judged;
mod left;
mod own;
mod reload;
mod routing;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use metrics::gauge;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

use self::{
    judged::Judged,
    own::{is_own, without_body},
    routing::Routing,
};
use crate::{
    config::Config,
    core::ConfigError,
    dialect::{Dialect, is_judged},
    money::{Account, Accounts, Balance, begin},
    refusal::{ATTEMPTS, CLASS, OPERATION, Refusal},
    replay::Replays,
    telemetry::{History, InFlightGauges},
    upstream::{Books, Upstream, host, no_upstream},
};

/// How long the end waits for a database that does not take what callers spent.
///
/// What is not settled then stays held in the database until its span is over: no caller gets more than its cap by
/// it.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// The gateway: answers every request. Cheap to clone.
///
/// The program ends it in this order: [`drain`](Self::drain), so that no new calls come; [`idle`](Self::idle), within
/// a limit; [`stop`](Self::stop), where the limit was reached; [`close`](Self::close), always. Dropped without them,
/// what runs is lost, as after a crash: nothing is paid twice, but outcomes are unknown.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Shared>);

/// What stays for the life of the gateway, and `routing`, which is replaced as a whole.
#[derive(Debug)]
struct Shared {
    /// Replaced as a whole when the configuration changes; calls in flight keep what they began with.
    routing: RwLock<Arc<Routing>>,
    judged: Judged,
    books: Books,
    history: History,
    gauges: InFlightGauges,
    accounts: Accounts,
    draining: AtomicBool,
    /// Collects what an earlier process left open, until the gateway is gone.
    collecting: OnceLock<AbortOnDropHandle<()>>,
}

impl Gateway {
    /// Builds everything that `config` names.
    ///
    /// It opens databases, makes the folder of a store, takes over what an earlier process left, and begins to
    /// collect tasks. Nothing is sent to an upstream for a call, and no address is bound: that is
    /// [`Server`](crate::server::Server)'s. To be called in a tokio runtime.
    ///
    /// # Errors
    ///
    /// The key of the configuration that cannot work, a provider's key that is not there among it; `ledger` and `state` where they cannot
    /// be opened.
    pub async fn new(config: &Config) -> Result<Self, ConfigError> {
        config.validate()?;
        let books = Books::open(&config.ledger)
            .await
            .map_err(|error| ConfigError::new("ledger", error.to_string()))?;
        let history = History::default();
        let judged = Judged::new(config).await?;
        let accounts = Accounts::open(&config.state)
            .await
            .map_err(|error| ConfigError::new("state", error.to_string()))?;
        let with_cap = with_cap(config, &accounts, judged.replays()).await?;
        let routing = Routing::new(
            config,
            judged.replays().is_some(),
            with_cap,
            &books,
            &history,
        )?;
        let gateway = Self(Arc::new(Shared {
            routing: RwLock::new(Arc::new(routing)),
            judged,
            books,
            history,
            gauges: InFlightGauges::default(),
            accounts,
            draining: AtomicBool::new(false),
            collecting: OnceLock::new(),
        }));
        gateway.collect_left(config).await?;
        Ok(gateway)
    }

    /// Begins to collect what an earlier process left open.
    async fn collect_left(&self, config: &Config) -> Result<(), ConfigError> {
        // It ends with the gateway, and must not keep it.
        let gateway = Arc::downgrade(&self.0);
        let upstreams = move || {
            let gateway = gateway.upgrade().map(Self);
            gateway.map_or_else(Vec::new, |gateway| gateway.upstreams())
        };
        let replays = self.0.judged.replays();
        let collecting = left::collect(config, &self.0.books, upstreams, replays)
            .await
            .map_err(|error| ConfigError::new("ledger", error.to_string()))?;
        if let Some(collecting) = collecting {
            let _ = self.0.collecting.set(collecting);
        }
        Ok(())
    }

    /// Answers a request.
    ///
    /// Never fails: what goes wrong is an answer in the caller's dialect. Each answer is one line of log. `/healthz`
    /// and `/readyz` are answered to anybody, before any key is looked at. Dropped before the answer, the caller has
    /// left.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let is_head = request.method() == Method::HEAD;
        let answer = match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.ready(),
            _ => self.answer_and_log(request).await,
        };
        match is_head {
            true => without_body(answer),
            false => answer,
        }
    }

    async fn answer_and_log(&self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let dialect = Dialect::of_path(path);
        // The query may hold a key.
        let (method, path) = (request.method().clone(), path.to_owned());
        let began = Instant::now();
        let answer = self.route(request).await;
        let answer = answer.unwrap_or_else(|refusal| refusal.into_response(dialect).map(Body::new));
        let of = |name| {
            let value: Option<&HeaderValue> = answer.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        tracing::info!(
            %method,
            path,
            status = answer.status().as_u16(),
            seconds = began.elapsed().as_secs_f64(),
            operation = of(OPERATION),
            class = of(CLASS),
            attempts = of(ATTEMPTS),
            "answered"
        );
        answer
    }

    /// Brings the gauges up to date.
    ///
    /// Gauges are told, not asked: whoever serves `/metrics` calls it first, and the program does so every 10 s for a
    /// collector.
    pub fn measure(&self) {
        self.routing().measure();
        self.0.gauges.tell(&self.0.history.running());
        let running = self.0.judged.replays().map_or(0, Replays::running);
        gauge!("longhaul.operations.running").set(running as f64);
        let detached = self.0.judged.replays().map_or(0, Replays::detached);
        gauge!("longhaul.operations.detached").set(detached as f64);
    }

    /// Whether new calls are wanted.
    ///
    /// 200, or 503 once [`drain`](Self::drain) was called. A database that does not answer is not told here: an
    /// instance that a load balancer takes out of service for it could not hand over the pictures that it has.
    pub fn ready(&self) -> Response<Body> {
        if self.0.draining.load(Ordering::Relaxed) {
            return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
        }
        text(StatusCode::OK, "ready\n")
    }

    /// From here on `/readyz` says that no new calls are wanted.
    ///
    /// Calls that come all the same are answered as before: a load balancer needs a moment to notice. There is no way
    /// back.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Operations that run, and the last ones that ended.
    pub fn history(&self) -> &History {
        &self.0.history
    }

    /// Where attempts are written down.
    pub fn books(&self) -> &Books {
        &self.0.books
    }

    /// All upstreams, in the order in which they are asked.
    ///
    /// Those in force at this moment; a reload replaces all of them.
    pub fn upstreams(&self) -> Vec<Upstream> {
        self.routing().upstreams().to_vec()
    }

    /// Attempts in flight, at all upstreams.
    ///
    /// Attempts at upstreams of an earlier configuration are not counted.
    pub fn in_flight(&self) -> usize {
        self.routing().in_flight()
    }

    /// Ends when no operation runs, with a caller or without. To be asked when no new ones come.
    ///
    /// It may last as long as the longest deadline, so that a limit belongs around it. Dropped, it changes nothing.
    pub async fn idle(&self) {
        self.0.judged.idle().await;
    }

    /// Ends what still runs with its caller gone or waiting behind [replay](crate::replay), and waits until that is written
    /// down. To be asked when the time to finish is over.
    ///
    /// Calls that end so are written down as of unknown outcome where they may have been charged; who comes back for
    /// one is told. This takes as long as a database is gone: put a limit around it, as the program does with 30 s.
    pub async fn stop(&self) {
        self.0.judged.stop().await;
    }

    /// Writes what is not written yet.
    ///
    /// Spending in the database, for at most 30 s, and the ledger. What fails is logged. The gateway answers no more
    /// calls properly afterwards.
    pub async fn close(&self) {
        let settled = timeout(SETTLED_WITHIN, self.0.accounts.idle());
        let (settled, closed) = tokio::join!(settled, self.0.books.close());
        if settled.is_err() {
            tracing::error!("what callers spent last is not written down, and counts as spent");
        }
        if let Err(error) = closed {
            tracing::error!(%error, "the ledger could not be closed");
        }
    }

    /// In the order of the [module](self). A caller is identified before anything else is looked at, so that a
    /// stranger learns of no path, host or operation.
    ///
    /// What does not last as long as a call is boxed, so that a call that waits does not have its place too.
    async fn route(&self, request: Request<Body>) -> Result<Response<Body>, Refusal> {
        if request.method() == Method::CONNECT {
            return Err(Refusal::only(
                "",
                "no_proxy",
                "this is a gateway to configured upstreams, and no proxy",
            ));
        }
        let routing = self.routing();
        let caller = routing.callers.identify(request.headers(), request.uri())?;
        let (mut head, body) = request.into_parts();
        if is_own(head.uri.path()) {
            return Box::pin(self.own(&head.method, head.uri.path(), &caller)).await;
        }
        let fitting = routing.fitting(head.uri.path(), host(&head))?;
        if head.method != Method::POST || !is_judged(head.uri.path()) {
            let upstream = fitting
                .iter()
                .find(|upstream| !upstream.asks_model())
                .ok_or_else(no_upstream)?;
            let body = Body::new(routing.limits.paced(body));
            return Box::pin(upstream.pass(Request::from_parts(head, body))).await;
        }

        // It is there for callers with a cap alone: without it nothing is held.
        if let Some(account) = routing.accounts.get(caller.name()) {
            head.extensions.insert(account.clone());
        }
        head.extensions.insert(caller);
        let request = Box::pin(routing.choose(fitting, head, body)).await?;
        let Ok(answer) = self.0.judged.service().oneshot(request).await;
        Ok(answer)
    }

    /// One clone of the `Arc` for each request: a reload in the middle of a call changes nothing for it.
    fn routing(&self) -> Arc<Routing> {
        self.0
            .routing
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The accounts of callers with a cap, with what they have spent in its span, as earlier processes wrote it down.
///
/// Nothing is read where the database counts for all: the first to ask in a span takes over what was spent there.
async fn with_cap(
    config: &Config,
    accounts: &Accounts,
    replays: Option<&Replays>,
) -> Result<HashMap<Arc<str>, Account>, ConfigError> {
    let mut with_cap = HashMap::new();
    for key in &config.keys {
        let Some(cap) = key.cap else { continue };
        let mut balance = Balance::default();
        if let Some(replays) = replays.filter(|_| !accounts.are_shared()) {
            let (certain, possible) = replays
                .index()
                .spent(&key.name, cap.limit.currency, begin(cap.per))
                .await
                .map_err(|error| ConfigError::new("state", error.to_string()))?;
            balance.spent = certain;
            balance.doubtful = possible.saturating_sub(certain);
        }
        let name: Arc<str> = key.name.as_str().into();
        let account = accounts.of(&name, cap, || balance);
        with_cap.insert(name, account);
    }
    Ok(with_cap)
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
