//! Log, metrics and spans are global to a process, so that a library must not install them: the program does, once,
//! by this.

use std::fmt;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

#[cfg(feature = "otlp")]
use super::otlp::Otlp;
use crate::core::ConfigError;

/// The limits of buckets, in seconds: OpenTelemetry's advice ends at 82, where a 4K picture begins.
pub(super) const SECONDS: [f64; 20] = [
    0.01, 0.04, 0.16, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 60.0, 81.92, 100.0, 120.0,
    163.84, 240.0, 327.68, 480.0, 600.0, 900.0,
];

/// The limits of buckets, in tokens, as OpenTelemetry advises.
pub(super) const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The process's log, its metrics as Prometheus reads them, and what goes to a collector.
///
/// Cheap to clone. Without it the gateway works as well: its numbers and lines go wherever the program's own
/// `metrics` recorder and `tracing` subscriber lead, or nowhere.
///
/// ```no_run
/// use longhaul_gateway::telemetry::{LogForm, Recorder};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), longhaul::ConfigError> {
/// let recorder = Recorder::install(LogForm::Json)?;
/// // … serve; `/metrics` is:
/// let text = recorder.render();
/// // At the end of the process, so that the last spans arrive:
/// recorder.shut_down().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Recorder {
    prometheus: PrometheusHandle,
    #[cfg(feature = "otlp")]
    otlp: Otlp,
}

/// How the log is written.
///
/// `--json-log` of the program chooses the second. Both have the same fields; neither has a prompt, a picture, a key
/// or a query.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum LogForm {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Recorder {
    /// Installs all of it for the whole process, once: the log on standard error at `RUST_LOG`'s level, the metrics, and
    /// with the feature `otlp` the exporters that OpenTelemetry's environment variables ask for. Needs a tokio
    /// runtime.
    ///
    /// Without `RUST_LOG` the level is `info`. The log has no lines for spans: what they say of an operation is the
    /// collector's.
    ///
    /// # Errors
    ///
    /// Where the process has a subscriber or a recorder already, and about the variable that asks for what this
    /// exporter cannot do.
    pub fn install(log: LogForm) -> Result<Self, ConfigError> {
        let failed = |error: &dyn fmt::Display| ConfigError::new("telemetry", error.to_string());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("duration".to_owned()), &SECONDS)
            .and_then(|builder| {
                let tokens = Matcher::Suffix("token.usage".to_owned());
                builder.set_buckets_for_metric(tokens, &TOKENS)
            })
            .map_err(|error| failed(&error))?
            .build_recorder();
        let prometheus = recorder.handle();
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let listeners = vec![lines(log, filter)];
        #[cfg(not(feature = "otlp"))]
        {
            let subscriber = tracing_subscriber::registry().with(listeners);
            subscriber.try_init().map_err(|error| failed(&error))?;
            metrics::set_global_recorder(recorder).map_err(|error| failed(&error))?;
            Ok(Self { prometheus })
        }
        #[cfg(feature = "otlp")]
        {
            let (otlp, second) = Otlp::from_env()?;
            let listeners: Vec<_> = listeners.into_iter().chain(otlp.layer()).collect();
            let subscriber = tracing_subscriber::registry().with(listeners);
            subscriber.try_init().map_err(|error| failed(&error))?;
            let installed = match second {
                None => metrics::set_global_recorder(recorder).map_err(|error| failed(&error)),
                Some(second) => {
                    let both = metrics_util::layers::FanoutBuilder::default()
                        .add_recorder(recorder)
                        .add_recorder(second);
                    metrics::set_global_recorder(both.build()).map_err(|error| failed(&error))
                }
            };
            installed?;
            Ok(Self { prometheus, otlp })
        }
    }

    /// All metrics in Prometheus's text form.
    ///
    /// Gauges are as old as the last [`Gateway::measure`](crate::gateway::Gateway::measure), which comes first.
    pub fn render(&self) -> String {
        self.prometheus.run_upkeep();
        self.prometheus.render()
    }

    /// Sends what the collector has not got yet.
    ///
    /// Without a collector it does nothing. What a collector does not take is lost, and logged.
    pub async fn shut_down(self) {
        #[cfg(feature = "otlp")]
        {
            // It blocks its thread until tasks of this runtime have carried the rest.
            let _ = tokio::task::spawn_blocking(move || self.otlp.shut_down()).await;
        }
    }
}

/// What listens to spans and lines. A list of them, and not one around the other: an `Option` without a collector in it would ask
/// for all spans, which nobody then reads.
pub(super) type Listener = Box<dyn Layer<Registry> + Send + Sync>;

/// The log.
///
/// A line stands for itself: what spans say of an operation is the collector's.
fn lines(form: LogForm, filter: EnvFilter) -> Listener {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match form {
        LogForm::Text => lines.boxed(),
        LogForm::Json => lines.json().boxed(),
    };
    let filter = filter.and(filter_fn(|what| !what.is_span()));
    lines.with_filter(filter).boxed()
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_collector_no_span_is_made() {
        let log = lines(LogForm::Text, EnvFilter::new("info"));
        let subscriber = tracing_subscriber::registry().with(vec![log]);
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::info_span!("operation").is_disabled());
            assert!(tracing::enabled!(tracing::Level::INFO));
        });
    }
}
