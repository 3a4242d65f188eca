//! The submit, and what its answer means.
//!
//! The submit is the one request of the exchange that orders a picture, so its answer is read with four possible
//! meanings, and every doubt falls on the side that orders nothing again: an id is a task; a success without an id is
//! the unary answer; a refusal that names what this layer has added means that there are no tasks here; any other
//! refusal belongs to the caller.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode, Uri, response::Parts};
use longhaul::Error;

use super::{
    TaskError, TaskHandle,
    dialect::Dialect,
    handle::seconds_in,
    plan::TaskPlan,
    told::{Told, told},
    wait,
};
use crate::{
    exchange::{Bytewise, Call, Client, JoinedBody, Read, TopFields, Whole, encoded, read},
    json,
};

/// An answer to a submit is short; a longer one is the picture itself.
///
/// 256 KiB, in bytes.
const SHORT: usize = 256 * 1024;

/// What the answer to a submit means.
pub(super) enum Submitted<R> {
    /// The provider took a task, and told its id.
    Task(Box<Taken>),
    /// Something that the caller is to see: a refusal, or the unary answer.
    Answer(Response<JoinedBody<R>>),
    /// The API knows no tasks at this path, and has begun nothing.
    NotOffered,
}

/// A task that the provider has taken, and how it is asked after.
pub(super) struct Taken {
    pub(super) handle: TaskHandle,
    /// Where it is polled: an origin that may have the key, by the answer or by the dialect's rule.
    pub(super) uri: Uri,
    /// The answer named a poll URL at a host that gets no key; the dialect's own path is polled instead.
    pub(super) foreign: bool,
    /// What the answer already says of its state; some are done at once.
    pub(super) told: Told,
    pub(super) head: Parts,
    pub(super) body: Bytes,
    /// What the answer asks to wait before the first poll.
    pub(super) wait: Option<Duration>,
    /// Where it is taken back, if the dialect knows how.
    pub(super) cancel: Option<(Method, Uri)>,
}

/// Sends the submit.
///
/// `Err` means that no answer was read, so that a task may or may not exist. A longer answer than [`SHORT`] is handed
/// on unread.
pub(super) async fn submit<S, B, R>(
    call: &mut Call<S>,
    plan: &TaskPlan,
    whole: &Whole,
    said: &TopFields,
) -> Result<Submitted<R>, Error>
where
    S: Client<B, R> + Clone,
    R: Bytewise,
{
    let head = plan.submit_head(call.own_head());
    let set = &plan.dialect.submit.set;
    let body = if set.is_empty() {
        whole.body()
    } else {
        whole.with(set, said.empty)
    };
    let (head, body) = call.send(head, body).await?.into_parts();
    let body = match read(body, SHORT, None).await {
        Read::Whole(body) => body,
        Read::Longer(begun, rest) => {
            let body = JoinedBody::joined([begun], rest);
            return Ok(Submitted::Answer(Response::from_parts(head, body)));
        }
        Read::Broken(error) => return Err(Error::from_inner(error)),
    };
    if head.status.is_success() {
        if let Some(taken) = taken(plan, &head, &body)? {
            return Ok(Submitted::Task(Box::new(taken)));
        }
    } else if is_not_offered(&plan.dialect, head.status, &body) {
        return Ok(Submitted::NotOffered);
    }
    let body = JoinedBody::whole([body]);
    Ok(Submitted::Answer(Response::from_parts(head, body)))
}

/// The task in an answer; `None` where there is no id in it.
///
/// A task that was taken and cannot be asked after is an error and not an answer: [`TaskError::BadId`] where its id is
/// no segment of a path, [`TaskError::ForeignHost`] where it is to be polled at a host that gets no key and the dialect
/// has no rule of its own.
pub(super) fn taken(plan: &TaskPlan, head: &Parts, body: &Bytes) -> Result<Option<Taken>, Error> {
    let dialect = &plan.dialect;
    let Some(document) = json::document(body) else {
        return Ok(None);
    };
    let Some(id) = dialect.task.id.text(document) else {
        return Ok(None);
    };
    let name = || Box::from(dialect.name());
    let fail = |error: TaskError| longhaul::Error::from_inner(error);
    if encoded(&id).is_none() {
        return Err(fail(TaskError::BadId { dialect: name() }));
    }
    let hosts = &dialect.task.key_hosts;
    let url = dialect
        .task
        .poll_at
        .as_ref()
        .and_then(|at| at.text(document));
    let allowed = url.as_ref().and_then(|url| plan.origin.allows(url, hosts));
    let foreign = url.is_some() && allowed.is_none();
    let by_rule = || plan.origin.at(&plan.poll_path(&id)?);
    let Some(uri) = allowed.or_else(by_rule) else {
        return Err(fail(TaskError::ForeignHost {
            dialect: name(),
            id: id.into(),
            host: host_of(url.as_deref()),
        }));
    };
    let until = dialect
        .task
        .expires
        .as_ref()
        .and_then(|at| at.text(document)?.parse().ok());
    let expires = until.or_else(|| seconds_in(dialect.task.kept?));
    Ok(Some(Taken {
        handle: TaskHandle::new(name(), id.clone(), uri.to_string(), expires),
        foreign,
        told: told(dialect, head.status, body),
        head: head.clone(),
        body: body.clone(),
        wait: wait::told(&head.headers),
        cancel: cancel(plan, &id, document),
        uri,
    }))
}

/// Method and URL of a cancellation, as the answer tells it or by the dialect's rule; never at a host that gets no key.
fn cancel(
    plan: &TaskPlan,
    id: &str,
    document: &serde_json::value::RawValue,
) -> Option<(Method, Uri)> {
    let row = plan.dialect.cancel.as_ref()?;
    let hosts = &plan.dialect.task.key_hosts;
    let url = row.at.as_ref().and_then(|at| at.text(document));
    let told = url.and_then(|url| plan.origin.allows(&url, hosts));
    let uri = told.or_else(|| plan.origin.at(&plan.cancel_path(id)?))?;
    Some((row.method.parse().ok()?, uri))
}

/// The host of a URL, short enough for a message; never what else is in it.
///
/// A URL may hold a signature, and a message ends in logs.
pub(super) fn host_of(url: Option<&str>) -> Box<str> {
    let uri = url.and_then(|url| url.parse::<Uri>().ok());
    let host = uri
        .as_ref()
        .and_then(Uri::host)
        .filter(|host| host.len() <= 255);
    host.unwrap_or("a place that is no URL").into()
}

/// Whether a refusal means that tasks are not known here: 400 that names what was added, 404 for a path of its own, 403
/// “not enabled”.
///
/// Any other 4xx is about the request itself, and would be the same for the unary call. Only the first 4 KB are looked
/// at.
fn is_not_offered(dialect: &Dialect, status: StatusCode, body: &Bytes) -> bool {
    let submit = &dialect.submit;
    let moved = submit.path.is_some() || submit.host.is_some();
    let text = || String::from_utf8_lossy(&body[..body.len().min(4096)]).to_ascii_lowercase();
    match status.as_u16() {
        404 | 405 | 501 => moved,
        403 => {
            let text = text();
            text.contains("not enabled") || text.contains("not_enabled")
        }
        400 | 422 => names(body, submit.set.keys().map(String::as_str), &text()),
        _ => false,
    }
}

/// Whether an error is about one of these parameters.
///
/// The provider's own `param` decides where it says one. Otherwise the text is searched for the name as a word of its
/// own: `stream` is not found in `streaming`.
pub(crate) fn names<'n>(
    body: &Bytes,
    mut parameters: impl Iterator<Item = &'n str>,
    text: &str,
) -> bool {
    let param = json::document(body).and_then(|document| {
        let error = json::field(document, "error").unwrap_or(document);
        json::text(json::field(error, "param")?)
    });
    match param {
        Some(param) => parameters.any(|name| name == param),
        None => parameters.any(|name| {
            let mut words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
            words.any(|word| word == name)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_what_was_added_means_no_tasks() {
        let [responses, sub2api] = &Dialect::shipped()[..2] else {
            panic!()
        };
        let is = |dialect: &Dialect, status: u16, body: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            is_not_offered(dialect, status, &Bytes::from_static(body.as_bytes()))
        };
        assert!(is(
            responses,
            400,
            r#"{"error":{"param":"background","message":"Unknown parameter."}}"#
        ));
        assert!(is(
            responses,
            400,
            r#"{"error":{"message":"'background' is not supported"}}"#
        ));
        assert!(!is(
            responses,
            400,
            r#"{"error":{"param":"input","message":"background story too long"}}"#
        ));
        assert!(!is(
            responses,
            400,
            r#"{"error":{"message":"the backgrounds are bad"}}"#
        ));
        assert!(!is(responses, 404, "{}"), "the path is the caller's own");
        assert!(is(sub2api, 404, "{}"));
        assert!(is(
            sub2api,
            403,
            r#"{"error":"async image tasks are not enabled"}"#
        ));
        assert!(!is(sub2api, 403, r#"{"error":"bad key"}"#));
        assert!(!is(sub2api, 503, ""));
    }

    #[test]
    fn a_message_names_a_host_and_nothing_else_of_a_url() {
        assert_eq!(&*host_of(Some("https://evil.test/?key=sk-1")), "evil.test");
        assert_eq!(&*host_of(Some("sk-1 ")), "a place that is no URL");
    }
}
