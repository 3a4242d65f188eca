//! What a person who waits wants to know, on stderr.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use longhaul::{
    Attempt, Class, Phase, Resolution,
    observe::{Event, Observer},
};
use tokio::{task::JoinHandle, time::Instant};

/// Tells it, until it is dropped. All times are the provider's.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    ticker: JoinHandle<()>,
}

struct Shared {
    began: Instant,
    speed: f64,
    resolution: Resolution,
    running: Mutex<Option<Attempt>>,
}

impl Progress {
    pub(crate) fn start(speed: f64, resolution: Resolution) -> Self {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            speed,
            resolution,
            running: Mutex::default(),
        });
        let ticker = tokio::spawn(tick(shared.clone()));
        Self { shared, ticker }
    }

    pub(crate) fn observer(&self) -> Observer {
        let shared = self.shared.clone();
        Observer::new(move |event: &Event<'_>| shared.event(event))
    }

    pub(crate) fn say(&self, text: &str) {
        self.shared.say(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}

/// A sign of life every 30 s of the provider's time.
async fn tick(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(Duration::from_secs_f64(30.0 / shared.speed));
    interval.tick().await;
    loop {
        interval.tick().await;
        let running = shared.running().clone();
        if let Some(attempt) = running.filter(|attempt| attempt.outcome_now().is_none()) {
            let seconds = shared.provider_seconds(attempt.elapsed());
            shared.say(&format!(
                "attempt {}: {}, {seconds:.0} s so far{}",
                attempt.number(),
                what(attempt.phase()),
                shared.compared(seconds),
            ));
        }
    }
}

const fn what(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => "connecting",
        Phase::Write => "sending the request",
        Phase::Head => "the model works",
        Phase::Body => "the picture arrives",
        Phase::Unknown => "nobody knows",
    }
}

impl Shared {
    fn running(&self) -> std::sync::MutexGuard<'_, Option<Attempt>> {
        self.running
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn provider_seconds(&self, real: Duration) -> f64 {
        real.as_secs_f64() * self.speed
    }

    fn say(&self, text: &str) {
        let now = self.provider_seconds(self.began.elapsed());
        eprintln!("{now:>6.0} s  {text}");
    }

    /// How `seconds` compare with what pictures of this size take.
    fn compared(&self, seconds: f64) -> String {
        let Some([p50, p95, _]) = self.resolution.generation_quantiles() else {
            return String::new();
        };
        let [p50, p95] = [p50, p95].map(|quantile| quantile.as_secs_f64());
        let resolution = self.resolution;
        if seconds <= p50 {
            format!(" (half of all {resolution} pictures take {p50} s)")
        } else if seconds <= p95 {
            format!(" (95 % of all {resolution} pictures take at most {p95} s)")
        } else {
            format!(" (slower than 95 % of all {resolution} pictures, which take {p95} s)")
        }
    }

    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { attempt } => {
                *self.running() = Some((*attempt).clone());
                self.say(&format!("attempt {} begins", attempt.number()));
            }
            Event::QueueTimeout { .. } => {
                self.say("all places in flight are taken; waiting for one")
            }
            Event::Waiting {
                attempt,
                class,
                wait,
                retry_after,
            } => self.say(&format!(
                "attempt {} ended after {:.0} s: {} Next one in {:.0} s{}.",
                attempt.number(),
                self.provider_seconds(attempt.elapsed()),
                why(*class),
                self.provider_seconds(*wait),
                if retry_after.is_some() {
                    ", as the server asks"
                } else {
                    ""
                },
            )),
            Event::Settled { attempt } if attempt.class().is_none() => {
                self.say(&format!(
                    "attempt {}: the picture arrives",
                    attempt.number()
                ));
            }
            _ => {}
        }
    }
}

const fn why(class: Class) -> &'static str {
    match class {
        Class::Overloaded => "the model is overloaded; nothing was charged.",
        Class::Unavailable => "the service is unavailable; nothing was charged.",
        Class::RateLimited => "too many requests; nothing was charged.",
        Class::NeverSent | Class::SentPartial | Class::Refused => {
            "the request did not get through; nothing was charged."
        }
        Class::UnknownOutcome | Class::IntermediaryCut => {
            "the connection was cut; the call may be running on, and be charged."
        }
        Class::Undelivered => "the answer broke off; it was charged.",
        _ => "it failed.",
    }
}
