//! What a collector gets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use longhaul_gateway::config::KeyConfig;
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::metric::Data,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message;

use super::{
    PATH, Program, sim,
    tasks::{ORDER, as_tasks},
};
use crate::support::{PICTURE, post as ask, serve_here, until};

/// Keeps every request of the exporters by its path, as it came.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Bytes)>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let kept = collector.clone();
        let keep = move |request: Request<Body>| {
            let kept = kept.clone();
            async move {
                assert_eq!(request.headers()["content-type"], "application/x-protobuf");
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.unwrap().to_bytes();
                kept.0.lock().unwrap().push((path, body));
                Response::new(Body::empty())
            }
        };
        (collector, serve_here(keep).await)
    }

    fn got(&self, what: &str) -> Vec<Bytes> {
        let kept = self.0.lock().unwrap();
        let fitting = kept.iter().filter(|(path, _)| path == what);
        fitting.map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.got("/v1/traces").into_iter();
        requests
            .flat_map(|body| {
                let request = ExportTraceServiceRequest::decode(body).unwrap();
                request.resource_spans
            })
            .flat_map(|of_resource| of_resource.scope_spans)
            .flat_map(|of_scope| of_scope.spans)
            .collect()
    }

    /// The metrics by their names, as they were last.
    fn metrics(&self) -> BTreeMap<String, (String, Data)> {
        let requests = self.got("/v1/metrics").into_iter();
        requests
            .flat_map(|body| {
                let request = ExportMetricsServiceRequest::decode(body).unwrap();
                request.resource_metrics
            })
            .flat_map(|of_resource| of_resource.scope_metrics)
            .flat_map(|of_scope| of_scope.metrics)
            .filter_map(|metric| Some((metric.name, (metric.unit, metric.data?))))
            .collect()
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<&str, String> {
    let text = |value: &KeyValue| match value.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(is) => Some(is.to_string()),
        other => panic!("{other:?}"),
    };
    all.iter()
        .filter_map(|value| Some((value.key.as_str(), text(value)?)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_spans_and_metrics_without_secrets() {
    let (collector, url) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (key, sha256) = longhaul_gateway::caller::new_key().unwrap();
    let (_provider, server) = sim("overloaded, none*9").await;
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let mut program = Program::start_in(folder.path(), &server.url(), &environment, |config| {
        config.keys.push(KeyConfig::new("alice", sha256));
    })
    .await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let (bearer, parent) = (
        format!("Bearer {key}"),
        format!("00-{trace}-b7ad6b7169203331-01"),
    );
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "secret-order"),
        ("traceparent", &parent),
    ];
    let prompt = PICTURE.replace("a cat", "the-secret-prompt");
    let answer = ask(
        &format!("{}{PATH}?key={key}", program.url),
        &prompt,
        &headers,
    )
    .await;
    let name = answer.header("x-longhaul-operation").unwrap().to_owned();
    answer.picture();
    // What was not sent by then is sent when it stops.
    program.terminate();
    program.child.wait().unwrap();
    until("all spans are here", || collector.spans().len() >= 3).await;

    let spans = collector.spans();
    let operation = spans
        .iter()
        .find(|span| span.name == "image_generation nano-banana-pro")
        .unwrap_or_else(|| panic!("{spans:?}"));
    assert_eq!(operation.kind(), SpanKind::Client);
    assert_eq!(hex::encode(&operation.trace_id), trace);
    let told = attributes(&operation.attributes);
    for (name, value) in [
        ("gen_ai.operation.name", "image_generation"),
        ("gen_ai.provider.name", "127.0.0.1"),
        ("gen_ai.request.model", "nano-banana-pro"),
        ("gen_ai.output.type", "image"),
        ("longhaul.caller", "alice"),
        ("longhaul.operation.name", &name),
        ("longhaul.class", "Delivered"),
        ("longhaul.attempts", "2"),
        ("longhaul.cost.possible", "0.24"),
    ] {
        assert_eq!(told.get(name).map(String::as_str), Some(value), "{told:?}");
    }
    assert!(!told.contains_key("error.type"), "{told:?}");
    let attempts: Vec<_> = spans.iter().filter(|span| span.name == "attempt").collect();
    assert_eq!(attempts.len(), 2);
    for attempt in &attempts {
        assert_eq!(attempt.parent_span_id, operation.span_id);
    }
    let told = attributes(&attempts[0].attributes);
    assert_eq!(told["error.type"], "Overloaded");
    let told = attributes(&attempts[1].attributes);
    assert_eq!(told["http.request.resend_count"], "1");
    assert_eq!(told["http.response.status_code"], "200");

    let metrics = collector.metrics();
    for name in [
        "longhaul.operations",
        "longhaul.attempts",
        "longhaul.decisions",
        "longhaul.cost.micros",
    ] {
        assert!(metrics.contains_key(name), "{name}: {:?}", metrics.keys());
    }
    let (unit, Data::Histogram(duration)) = &metrics["gen_ai.client.operation.duration"] else {
        panic!("{metrics:?}");
    };
    assert_eq!(unit, "s");
    assert_eq!(duration.data_points[0].explicit_bounds.last(), Some(&900.0));

    let (unit, Data::Histogram(tokens)) = &metrics["gen_ai.client.token.usage"] else {
        panic!("{metrics:?}");
    };
    assert_eq!(unit, "{token}");
    let most = tokens.data_points[0].explicit_bounds.last();
    assert_eq!(most, Some(&67_108_864.0));

    let all = collector.0.lock().unwrap().clone();
    for (what, body) in all {
        let text = String::from_utf8_lossy(&body);
        for secret in [&key, "sk-secret", "the-secret-prompt", "secret-order"] {
            assert!(!text.contains(secret), "{secret} is told in {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_poll_is_a_span_of_its_attempt_without_secrets() {
    let (collector, url) = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none+takes@300*9").await;
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ];
    let tasks = as_tasks(&server);
    let mut program = Program::start_in(folder.path(), &server.url(), &environment, tasks).await;
    let answer = ask(&format!("{}/v1/responses", program.url), ORDER, &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    program.terminate();
    program.child.wait().unwrap();
    let polls = || {
        let spans = collector.spans();
        let (attempts, others): (Vec<_>, Vec<_>) =
            spans.into_iter().partition(|span| span.name == "attempt");
        let polls = others.into_iter().filter(|span| span.name == "poll");
        (attempts, polls.collect::<Vec<_>>())
    };
    until("all spans are here", || polls().0.len() == 1).await;
    let (attempts, polls) = polls();
    let told = provider.oracle().entries()[0].task.clone().unwrap();
    assert_eq!(polls.len(), usize::try_from(told.polls).unwrap());
    let state = |poll: &Span| {
        let mut told = attributes(&poll.attributes);
        assert_eq!(poll.parent_span_id, attempts[0].span_id);
        assert_eq!(told["longhaul.task.dialect"], "openai-responses");
        told.remove("longhaul.task.state").unwrap()
    };
    let mut states: Vec<_> = polls.iter().map(state).collect();
    states.sort();
    states.dedup();
    assert_eq!(states, ["done", "in_progress"]);
    for (what, body) in collector.0.lock().unwrap().clone() {
        let text = String::from_utf8_lossy(&body);
        for secret in ["sk-secret", "a cat", &*told.id] {
            assert!(!text.contains(secret), "{secret} is told in {what}");
        }
    }
}

#[test]
fn another_protocol_is_refused_with_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let upstream = "[[upstreams]]\nname = \"a\"\nurl = \"http://127.0.0.1:1\"\n";
    let addresses = "listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n";
    std::fs::write(&file, format!("{addresses}{upstream}")).unwrap();
    let output = std::process::Command::new(super::PROGRAM)
        .arg(&file)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("OTEL_EXPORTER_OTLP_PROTOCOL"), "{said}");
    assert!(said.contains("http/protobuf"), "{said}");
}
