//! Spans and metrics to a collector, as OpenTelemetry's environment variables say.
//!
//! The environment decides, since operators of a fleet set these variables once for all programs. What a variable
//! asks for and this exporter cannot do is refused at the start, by the variable's name: silence would look like a
//! collector that is down.
//!
//! Exports are carried by tasks of the runtime, and asked for by threads of the exporter's own: each `Sender` knows
//! the runtime that it was made in.
//!
//! Tests: `a_collector_gets_spans_and_metrics_without_secrets`, `another_protocol_is_refused_with_its_variable`.

use std::{env, fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use longhaul_hyper::Client;
use metrics_exporter_opentelemetry::Recorder as OtlpRecorder;
use opentelemetry::{
    propagation::TextMapPropagator as _,
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    metrics::{Aggregation, Instrument, InstrumentKind, SdkMeterProvider, Stream},
    propagation::TraceContextPropagator,
    trace::SdkTracerProvider,
};
use tokio::runtime::Handle;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::Targets};

use super::recorder::{Listener, SECONDS, TOKENS};
use crate::core::ConfigError;

/// Its presence is what switches both signals on.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// How long one export may take, unless `OTEL_EXPORTER_OTLP_TIMEOUT` says less.
const EXPORT: Duration = Duration::from_secs(10);
/// Bytes of a collector's answer.
const ANSWER: usize = 1 << 20;
/// Where neither `OTEL_SERVICE_NAME` nor `OTEL_RESOURCE_ATTRIBUTES` has a name.
const SERVICE: &str = "longhaul-gateway";

/// What is sent to the collector; for signals that are switched off, `None`.
#[derive(Clone, Default)]
pub(super) struct Otlp {
    spans: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Otlp {
    /// What the environment asks for: nothing where it names no endpoint. To be called inside the runtime whose tasks
    /// carry the exports.
    ///
    /// The recorder is for metrics, beside Prometheus's own: both hear of each number.
    pub(super) fn from_env() -> Result<(Self, Option<OtlpRecorder>), ConfigError> {
        let mut otlp = Self::default();
        if is("OTEL_SDK_DISABLED", "true") {
            return Ok((otlp, None));
        }
        if asks_for("TRACES")? {
            let exporter = SpanExporter::builder()
                .with_http()
                .with_http_client(Sender::new()?)
                .build()
                .map_err(refused)?;
            let provider = SdkTracerProvider::builder()
                .with_resource(resource())
                .with_batch_exporter(exporter);
            otlp.spans = Some(provider.build());
        }
        if !asks_for("METRICS")? {
            return Ok((otlp, None));
        }
        let exporter = MetricExporter::builder()
            .with_http()
            .with_http_client(Sender::new()?)
            .build()
            .map_err(refused)?;
        let (provider, recorder) = OtlpRecorder::builder(SERVICE)
            .with_meter_provider(|builder| {
                builder
                    .with_resource(resource())
                    .with_periodic_exporter(exporter)
                    .with_view(in_buckets)
            })
            .build();
        otlp.metrics = Some(provider);
        Ok((otlp, Some(recorder)))
    }

    /// Hands the spans of these crates over, and no other's: a library's may have a URL with a key in it.
    ///
    /// Spans of this workspace's crates begin with `longhaul`, and are made without prompts, queries and keys.
    pub(super) fn layer(&self) -> Option<Listener> {
        let tracer = self.spans.as_ref()?.tracer(SERVICE);
        let ours = Targets::new().with_target("longhaul", tracing::Level::INFO);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(ours).boxed())
    }

    /// Sends what is not sent yet. Blocks its thread: the exports are carried by tasks.
    pub(super) fn shut_down(&self) {
        let spans = self.spans.as_ref().map(SdkTracerProvider::shutdown);
        let metrics = self.metrics.as_ref().map(SdkMeterProvider::shutdown);
        for error in [spans, metrics]
            .into_iter()
            .flatten()
            .filter_map(Result::err)
        {
            tracing::warn!(%error, "the collector has not got everything");
        }
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("spans", &self.spans.is_some())
            .field("metrics", &self.metrics.is_some())
            .finish()
    }
}

/// Makes `span` part of its caller's trace, where the request names one.
pub(super) fn continue_trace(span: &tracing::Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if context.span().span_context().is_valid() {
        // Without a layer that exports spans there is nothing to continue.
        let _ = span.set_parent(context);
    }
}

fn is(variable: &str, value: &str) -> bool {
    env::var(variable).is_ok_and(|text| text.trim().eq_ignore_ascii_case(value))
}

/// Whether the signal is wanted. What this exporter cannot do is refused, not ignored.
///
/// A signal's own variables win over the common ones, as the specification has it.
fn asks_for(signal: &str) -> Result<bool, ConfigError> {
    let own = |what: &str| format!("OTEL_EXPORTER_OTLP_{signal}_{what}");
    let there = |variable: &str| env::var(variable).is_ok_and(|text| !text.trim().is_empty());
    let wanted = there(ENDPOINT) || there(&own("ENDPOINT"));
    if !wanted || is(&format!("OTEL_{signal}_EXPORTER"), "none") {
        return Ok(false);
    }
    for variable in [own("PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL".to_owned()] {
        if there(&variable) && !is(&variable, "http/protobuf") {
            return Err(ConfigError::new(
                variable,
                "only `http/protobuf` is spoken here: port 4318 of most collectors",
            ));
        }
    }
    Ok(true)
}

fn refused(error: impl fmt::Display) -> ConfigError {
    ConfigError::new(ENDPOINT, error.to_string())
}

fn resource() -> Resource {
    let builder = Resource::builder();
    let named = ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"]
        .into_iter()
        .any(|variable| {
            env::var(variable)
                .is_ok_and(|text| variable == "OTEL_SERVICE_NAME" || text.contains("service.name="))
        });
    match named {
        true => builder.build(),
        false => builder.with_service_name(SERVICE).build(),
    }
}

/// Tokens are counted in the buckets that are advised; the advice for durations ends where a 4K picture begins.
///
/// The same limits as Prometheus has here: two dashboards of one gateway agree.
fn in_buckets(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram {
        return None;
    }
    let (unit, boundaries) = match instrument.name().ends_with("token.usage") {
        true => ("{token}", TOKENS.to_vec()),
        false => ("s", SECONDS.to_vec()),
    };
    let aggregation = Aggregation::ExplicitBucketHistogram {
        boundaries,
        record_min_max: true,
    };
    Stream::builder()
        .with_aggregation(aggregation)
        .with_unit(unit)
        .build()
        .ok()
}

/// The gateway's own client, so that the collector is reached over the same TLS as everybody else.
struct Sender {
    client: Client<Full<Bytes>>,
    runtime: Handle,
}

impl Sender {
    fn new() -> Result<Self, ConfigError> {
        Ok(Self {
            client: Client::builder().build()?,
            runtime: Handle::current(),
        })
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        use tower::ServiceExt as _;

        let client = self.client.clone();
        let exchange = async move {
            let response = client.oneshot(request.map(Full::from)).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER).collect().await?;
            Ok::<_, HttpError>(Response::from_parts(head, body.to_bytes()))
        };
        // Asked by a thread of the exporter's, which has no runtime.
        let task = self
            .runtime
            .spawn(async move { tokio::time::timeout(EXPORT, exchange).await });
        task.await??
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
