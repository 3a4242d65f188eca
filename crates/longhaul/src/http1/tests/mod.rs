mod secrets;
mod version;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    io,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use tower::ServiceExt;
use tower_layer::Layer;
use tower_service::Service;

use super::*;
use crate::{
    attempt::{Attempt, OperationId},
    error::{Error, ErrorKind, Insecure},
    model::Class,
};

/// What the client below was given.
type Sent = Arc<Mutex<Vec<Request<()>>>>;

/// A client that keeps the requests and answers over `version`.
#[derive(Clone)]
struct Client {
    version: Version,
    status: StatusCode,
    sent: Sent,
}

impl Service<Request<()>> for Client {
    type Response = Response<&'static str>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.sent.lock().unwrap().push(request);
        let mut response = Response::new("paid for");
        *response.version_mut() = self.version;
        *response.status_mut() = self.status;
        ready(Ok(response))
    }
}

fn client(version: Version) -> Client {
    Client {
        version,
        status: StatusCode::OK,
        sent: Sent::default(),
    }
}

fn policy(scope: HttpScope) -> Http1Policy {
    Http1Policy {
        scope,
        ..Http1Policy::default()
    }
}

async fn send(
    policy: Http1Policy,
    client: &Client,
    request: Request<()>,
) -> Result<Response<&'static str>, Error> {
    let layer = ForceHttp1Layer::new(policy).unwrap();
    layer.layer(client.clone()).oneshot(request).await
}

fn report(response: &Response<&'static str>) -> Http1Report {
    Http1Report::of(response).unwrap()
}

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

fn with_key(uri: &str) -> Request<()> {
    let mut request = get(uri);
    let key = HeaderValue::from_static("Bearer k3y");
    request.headers_mut().insert(header::AUTHORIZATION, key);
    request
}

fn sensitive(uri: &str) -> Request<()> {
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

async fn fate(scope: HttpScope, request: Request<()>) -> Fate {
    let client = client(Version::HTTP_11);
    let result = send(policy(scope), &client, request).await;
    let sent = client.sent.lock().unwrap().len();
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
    let broken = tower::service_fn(|_: Request<()>| {
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

    let ours = tower::service_fn(|_: Request<()>| {
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
