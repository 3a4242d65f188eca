//! Taking a task.
//!
//! The task is known before its submit is answered, so that a poll can never come too early by itself; only the fault
//! `poll-404` makes it so.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Response, header};
use serde_json::Value;

use super::{
    super::{Provider, answer, work::Generation},
    Kind, Task, words,
};
use crate::{Body, Fault, Work, oracle::Record};

/// All that a task is made of.
pub(in super::super) struct Submit {
    pub(in super::super) provider: Provider,
    pub(in super::super) kind: Kind,
    pub(in super::super) record: Record,
    pub(in super::super) request_id: String,
    /// Of the request: polls of some APIs go to the same.
    pub(in super::super) path: String,
    /// Scheme and host for the URLs in the answer.
    pub(in super::super) origin: String,
    pub(in super::super) fault: Fault,
    pub(in super::super) work: Work,
    /// What was asked for, to be repeated in Replicate's list.
    pub(in super::super) input: Value,
}

/// Another host, as a hostile answer would name it.
pub(super) const FOREIGN: &str = "http://foreign.test";

impl Submit {
    /// Takes up the task, and says how its submit is answered.
    ///
    /// sub2api's answer also tells where and when to ask in headers, as the original does.
    pub(in super::super) fn take(self, generation: Generation) -> Response<Body> {
        let inner = self.provider.inner;
        let origin = match self.fault {
            Fault::ForeignPollUrl => FOREIGN.to_owned(),
            _ => self.origin,
        };
        let task = Task {
            origin,
            kind: self.kind,
            id: words::id(self.kind, &self.request_id),
            work: self.work,
            request_id: self.request_id,
            path: self.path,
            record: self.record,
            generation,
            fault: self.fault,
            submitted: inner.clock.now(),
            queued: inner.settings.queued,
            created: answer::time_of_day(),
            input: self.input,
            shaped: false.into(),
        };
        let id = task.id.clone();
        task.record.update(|entry| {
            let task = entry.task.get_or_insert_default();
            task.id = id;
        });
        let urls = words::Urls::of(&task);
        let (status, document) = words::submitted(&task, &urls);
        let body = Body::whole(vec![document.to_string().into()]);
        let mut response = answer::response(status, "application/json", body);
        if task.kind == Kind::Sub2api {
            let headers = response.headers_mut();
            let wait = inner.clock.real(Duration::from_secs(3));
            let seconds = wait.as_secs_f64().ceil() as u64;
            headers.insert(header::RETRY_AFTER, seconds.into());
            if let Ok(location) = HeaderValue::try_from(&urls.state) {
                headers.insert(header::LOCATION, location);
            }
        }
        inner.tasks.insert(Arc::new(task));
        response
    }
}
