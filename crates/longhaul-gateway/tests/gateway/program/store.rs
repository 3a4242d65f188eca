//! Answers in a bucket: a server that speaks as much of S3 as a store of answers needs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;

use super::{Program, sim};
use crate::support::{serve_here, until};

/// The objects of all buckets by their paths.
#[derive(Clone, Default)]
struct Buckets(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Buckets {
    async fn start() -> (Self, String) {
        let buckets = Self::default();
        let answering = buckets.clone();
        let answer = move |request: Request<Body>| {
            let buckets = answering.clone();
            async move { buckets.answer(request).await }
        };
        (buckets, serve_here(answer).await)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let signed = request.headers()["authorization"].to_str().unwrap();
        assert!(
            signed.starts_with("AWS4-HMAC-SHA256 Credential=an-id/"),
            "{signed}"
        );
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let mut objects = self.0.lock().unwrap();
        let answer = Response::builder()
            .header("etag", "\"1\"")
            .header("last-modified", "Sun, 29 Nov 2026 20:00:00 GMT");
        let answer = match head.method {
            Method::PUT => {
                objects.insert(path.to_owned(), body);
                answer.body(Body::empty())
            }
            Method::GET if query.contains("list-type=2") => {
                let contents: String = objects
                    .iter()
                    .map(|(name, object)| {
                        let key = name.strip_prefix(path).unwrap().trim_start_matches('/');
                        format!(
                            "<Contents><Key>{key}</Key><Size>{}</Size>\
                             <LastModified>2026-11-29T20:00:00Z</LastModified></Contents>",
                            object.len()
                        )
                    })
                    .collect();
                let list = format!("<ListBucketResult>{contents}</ListBucketResult>");
                answer.body(Body::from(list))
            }
            Method::GET => match objects.get(path) {
                Some(object) => answer.body(Body::from(object.clone())),
                None => answer.status(StatusCode::NOT_FOUND).body(Body::empty()),
            },
            // Several at once, by their names in XML.
            Method::POST if query.starts_with("delete") => {
                let names = String::from_utf8(body.to_vec()).unwrap();
                objects.retain(|name, _| {
                    let key = name.strip_prefix(path).unwrap().trim_start_matches('/');
                    !names.contains(&format!("<Key>{key}</Key>"))
                });
                answer.body(Body::from("<DeleteResult></DeleteResult>"))
            }
            method => panic!("{method} {path}?{query}"),
        };
        answer.unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_a_bucket_outlives_the_gateways_folder() {
    let (buckets, url) = Buckets::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (provider, server) = sim("none*9").await;
    let environment = [
        ("AWS_ENDPOINT", url.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "an-id"),
        ("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-store"),
    ];
    let start = async |quota: u64| {
        Program::start_in(folder.path(), &server.url(), &environment, |config| {
            config.replay.store = Some("s3://pictures/answers".to_owned());
            config.replay.quota_bytes = quota;
        })
        .await
    };
    let mut program = start(10_000_000).await;
    let key = [("idempotency-key", "order-1")];
    let picture = program.picture(&key).await.picture();
    until("it is in the bucket", || buckets.names().len() == 1).await;
    let stored = buckets.names();
    let digits = stored[0].strip_prefix("/pictures/answers/").unwrap();
    assert_eq!(digits.len(), 32, "{stored:?}");
    // The index knows of it before the process is gone.
    let operation = format!("{}/v1/longhaul/operations/op_{digits}", program.url);
    for _ in 0..400 {
        if crate::support::get(&operation, &[]).await.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    program.kill();

    // Room for one and a half.
    let length = buckets.0.lock().unwrap()[&stored[0]].len() as u64;
    let program = start(length * 3 / 2).await;
    let back = program.picture(&key).await;
    assert_eq!(back.picture(), picture);
    assert_eq!(back.header("idempotent-replayed"), Some("true"));
    assert_eq!(provider.oracle().entries().len(), 1);
    // A second one takes the room of the first.
    program
        .picture(&[("idempotency-key", "order-2")])
        .await
        .picture();
    until("the first has gone", || {
        let names = buckets.names();
        names.len() == 1 && names != stored
    })
    .await;
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(!log.contains("the-secret-of-the-store"));
}
