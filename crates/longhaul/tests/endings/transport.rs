//! `transport.toml`: what endings without an answer mean, by what was sent.

use std::{io, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use libtest_mimic::Trial;
use longhaul::{
    Attempt, BoxError, End, Error, ErrorKind,
    attempt::{Transport, Written},
    classify::ClassifyLayer,
    error::ConnectStage,
};
use serde::Deserialize;
use tower::{Layer, ServiceExt, service_fn};

use crate::{block_on, class, trial};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    error: String,
    #[serde(default)]
    connecting: bool,
    written: Option<u64>,
    flushed: Option<u64>,
    #[serde(default)]
    unfinished: bool,
    head: Option<u16>,
    class: String,
    source: String,
}

pub(crate) fn tests() -> Vec<Trial> {
    let cases: Cases = toml::from_str(include_str!("transport.toml")).unwrap();
    let test = |case: Case| trial("transport", &case.name.clone(), move || case.check());
    cases.case.into_iter().map(test).collect()
}

/// A connection that wrote and flushed so much.
#[derive(Debug)]
struct Proof(Written);

impl Transport for Proof {
    fn written(&self) -> Written {
        self.0
    }
}

impl Case {
    fn check(&self) {
        assert!(!self.source.is_empty(), "where is it from?");
        let error = block_on(async {
            let client = service_fn(|request: Request<Full<Bytes>>| {
                self.note(request.extensions().get().unwrap());
                std::future::ready(Err::<Response<Full<Bytes>>, _>(self.error()))
            });
            let request = Request::new(Full::default());
            ClassifyLayer::default()
                .layer(client)
                .oneshot(request)
                .await
                .unwrap_err()
        });
        assert_eq!(error.class(), class(&self.class));
        let outcome = error.attempt().unwrap().outcome_now().unwrap();
        assert_eq!(
            (outcome.end, outcome.class),
            (End::Failed, class(&self.class))
        );
    }

    fn note(&self, attempt: &Attempt) {
        if self.connecting {
            attempt.connecting();
        }
        if let (Some(written), Some(flushed)) = (self.written, self.flushed) {
            let now = Some(tokio::time::Instant::now());
            attempt.link(Arc::new(Proof(Written {
                written,
                flushed,
                last_write: now,
                flushed_at: now,
                unfinished: self.unfinished,
            })));
        }
        if let Some(status) = self.head {
            attempt.head_received(StatusCode::from_u16(status).unwrap(), Version::HTTP_11);
        }
    }

    fn error(&self) -> BoxError {
        let kind = match &*self.error {
            "connect" => ErrorKind::Connect {
                stage: ConnectStage::Unknown,
            },
            "not started" => ErrorKind::NotStarted,
            "disconnected" => ErrorKind::Disconnected,
            "malformed" => ErrorKind::MalformedResponse {
                reason: "no HTTP".into(),
            },
            "proxy" => ErrorKind::Proxy {
                proxy: "http://proxy.example:3128".into(),
                status: Some(StatusCode::BAD_GATEWAY),
            },
            "refused by peer" => ErrorKind::RefusedByPeer,
            "ConnectionRefused" => return io::Error::from(io::ErrorKind::ConnectionRefused).into(),
            "ConnectionReset" => return io::Error::from(io::ErrorKind::ConnectionReset).into(),
            "UnexpectedEof" => return io::Error::from(io::ErrorKind::UnexpectedEof).into(),
            "BrokenPipe" => return io::Error::from(io::ErrorKind::BrokenPipe).into(),
            "TimedOut" => return io::Error::from(io::ErrorKind::TimedOut).into(),
            other => panic!("no such error: {other}"),
        };
        Error::new(kind).into()
    }
}
