mod secrets;
mod version;

use std::{future::ready, io};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Empty};
use tower::ServiceExt;
use tower_layer::Layer;

use super::*;
use crate::{
    attempt::{Attempt, OperationId},
    error::{Error, ErrorKind, Insecure},
    mock::{MockBody, MockClient},
    model::Class,
};

/// A client that answers over `version`.
fn client(version: Version) -> MockClient {
    answering(version, StatusCode::OK)
}

fn answering(version: Version, status: StatusCode) -> MockClient {
    MockClient::new(move |_| {
        let mut response = Response::new(MockBody::of(["paid for"]));
        *response.version_mut() = version;
        *response.status_mut() = status;
        ready(Ok(response))
    })
}

fn policy(scope: HttpScope) -> Http1Policy {
    Http1Policy {
        scope,
        ..Http1Policy::default()
    }
}

async fn send(
    policy: Http1Policy,
    client: &MockClient,
    request: Request<Empty<Bytes>>,
) -> Result<Response<MockBody>, Error> {
    let layer = ForceHttp1Layer::new(policy).unwrap();
    layer.layer(client.clone()).oneshot(request).await
}

fn report(response: &Response<MockBody>) -> Http1Report {
    Http1Report::of(response).unwrap()
}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

fn with_key(uri: &str) -> Request<Empty<Bytes>> {
    let mut request = get(uri);
    let key = HeaderValue::from_static("Bearer k3y");
    request.headers_mut().insert(header::AUTHORIZATION, key);
    request
}

fn sensitive(uri: &str) -> Request<Empty<Bytes>> {
    let mut request = get(uri);
    request.extensions_mut().insert(Sensitive);
    request
}

/// How a request fared: sent, sent with a key in the clear, or refused.
#[derive(PartialEq, Debug)]
enum Fate {
    Sent,
    Warned,
    Refused(Insecure),
}

async fn fate(scope: HttpScope, request: Request<Empty<Bytes>>) -> Fate {
    let client = client(Version::HTTP_11);
    let result = send(policy(scope), &client, request).await;
    let sent = client.calls().len();
    match result {
        Ok(response) => {
            assert_eq!(sent, 1);
            if report(&response).key_in_clear {
                Fate::Warned
            } else {
                Fate::Sent
            }
        }
        Err(error) => {
            assert_eq!(sent, 0, "refused after it was sent");
            assert_eq!(error.class(), Class::NeverSent);
            assert!(!format!("{error} {error:?}").contains("k3y"));
            match error.kind() {
                ErrorKind::Insecure(secret) => Fate::Refused(*secret),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn errors_below_pass() {
    let broken = tower::service_fn(|_: Request<Empty<Bytes>>| {
        ready(Err::<Response<()>, _>(io::Error::from(
            io::ErrorKind::ConnectionRefused,
        )))
    });
    let error = ForceHttp1Layer::default()
        .layer(broken)
        .oneshot(get("https://a.example"))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Inner);

    let ours = tower::service_fn(|_: Request<Empty<Bytes>>| {
        ready(Err::<Response<()>, _>(Error::new(ErrorKind::NotStarted)))
    });
    let error = ForceHttp1Layer::default()
        .layer(ours)
        .oneshot(get("https://a.example"))
        .await
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotStarted);
}

#[test]
fn policies_that_cannot_work_are_refused_by_field() {
    let refused = |change: fn(&mut Http1Policy)| {
        let mut policy = Http1Policy::default();
        change(&mut policy);
        let error = ForceHttp1Layer::new(policy).unwrap_err();
        error.field().to_owned()
    };
    let wrong = |policy: &mut Http1Policy| policy.hosts = Hosts::Only(vec!["*".to_owned()]);
    assert_eq!(refused(wrong), "hosts.only");
    let wrong = |policy: &mut Http1Policy| policy.key_headers.push("x key".to_owned());
    assert_eq!(refused(wrong), "key_headers");
    let wrong = |policy: &mut Http1Policy| policy.key_parameters.push("key=".to_owned());
    assert_eq!(refused(wrong), "key_parameters");
}

#[test]
fn policies_are_read_from_files() {
    let read = serde_json::from_str::<Http1Policy>;
    assert_eq!(read("{}").unwrap(), Http1Policy::default());
    assert_eq!(read(r#"{"hosts": "all"}"#).unwrap(), Http1Policy::default());
    let policy = read(r#"{"hosts": {"only": ["a.example"]}, "scope": "public-development"}"#);
    let policy = policy.unwrap();
    assert_eq!(policy.hosts, Hosts::Only(vec!["a.example".to_owned()]));
    assert_eq!(policy.scope, HttpScope::PublicDevelopment);
    let written = serde_json::to_string(&policy).unwrap();
    assert_eq!(read(&written).unwrap(), policy);
    assert!(read(r#"{"scope": "public"}"#).is_err());
    assert!(read(r#"{"host": "all"}"#).is_err());
}
