//! Links to finished pictures.
//!
//! A link is to be fetched soon, with no key, and gives the file itself; so a client that gets links is tried with
//! links that expire. Downloads are counted with the request that made the picture, and are no requests of their own.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Response, StatusCode, header, request::Parts};
use serde_json::json;

use super::{Provider, answer};
use crate::{
    Body, Fault,
    line::Line,
    oracle::{Busy, Record},
    picture::Picture,
};

/// The pictures that can be fetched.
#[derive(Debug)]
pub(super) struct Links {
    lifetime: Duration,
    by_path: Mutex<HashMap<String, Link>>,
}

/// One picture that can be fetched, until `expires` on the provider's clock.
#[derive(Debug, Clone)]
struct Link {
    picture: Picture,
    expires: Duration,
    record: Record,
}

impl Links {
    /// No links yet.
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            by_path: Mutex::default(),
        }
    }

    /// Puts a picture where it can be fetched from `now` on, and says at which path.
    pub(super) fn publish(&self, picture: &Picture, now: Duration, record: &Record) -> String {
        self.publish_until(picture, now.saturating_add(self.lifetime), record)
    }

    /// Says at which path a picture was, by a link that has expired `now`.
    pub(super) fn publish_gone(&self, picture: &Picture, now: Duration, record: &Record) -> String {
        self.publish_until(picture, now, record)
    }

    /// The path is the picture's identity, so the same picture published twice has one link, with the later end.
    fn publish_until(&self, picture: &Picture, expires: Duration, record: &Record) -> String {
        let path = format!("/files/{}.png", picture.identity());
        let link = Link {
            picture: picture.clone(),
            expires,
            record: record.clone(),
        };
        self.by_path
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.clone(), link);
        path
    }

    /// The link at this path, expired or not.
    fn find(&self, path: &str) -> Option<Link> {
        self.by_path
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(path)
            .cloned()
    }
}

/// Whether the request is for a picture and not for work.
pub(super) fn is_download(head: &Parts) -> bool {
    head.method == http::Method::GET && head.uri.path().starts_with("/files/")
}

/// Where the client reached the provider, as far as the request tells.
///
/// A link has to lead back over the same way, through a proxy too, so it is made of what the request says and not of
/// where the server listens.
pub(super) fn origin(head: &Parts, line: Option<&Line>) -> String {
    let scheme = match head.uri.scheme_str() {
        _ if line.is_some_and(Line::secure) => "https",
        Some(scheme) => scheme,
        None => "http",
    };
    let host = head
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    format!("{scheme}://{}", authority.or(host).unwrap_or("localhost"))
}

/// Answers a download. Only faults of the body can befall it.
pub(super) fn download(
    provider: &Provider,
    head: &Parts,
    fault: Fault,
    line: Option<Line>,
) -> Response<Body> {
    let busy = provider.inner.oracle.busy();
    let refuse = |status: StatusCode, message: &str| {
        let text =
            json!({ "error": { "message": message, "type": "invalid_request_error" } }).to_string();
        (status, "application/json", vec![Bytes::from(text)], None)
    };
    let (status, content_type, pieces, record) = match provider.inner.links.find(head.uri.path()) {
        None => refuse(StatusCode::NOT_FOUND, "There is no such file."),
        Some(link) if link.expires <= provider.inner.clock.now() => {
            refuse(StatusCode::GONE, "The link has expired.")
        }
        Some(link) => (
            StatusCode::OK,
            "image/png",
            link.picture.file().to_vec(),
            Some(link.record),
        ),
    };
    let body = answer::shaped(Body::whole(pieces), fault, &provider.inner.clock)
        .on_line(line)
        .ending(move |whole| fetched(whole, record.as_ref(), busy));
    answer::response(status, content_type, body)
}

/// The body of a download has ended; only a whole one counts.
fn fetched(whole: bool, record: Option<&Record>, busy: Busy) {
    if let Some(record) = record.filter(|_| whole) {
        record.update(|entry| entry.links_fetched += 1);
    }
    drop(busy);
}
