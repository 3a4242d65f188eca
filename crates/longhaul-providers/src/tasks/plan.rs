//! Whether a call has a form as a task, by its head; and what its submit is.
//!
//! Made of the head alone, so that a call with no form costs no reading. Whatever a dialect says of paths is worked out
//! here, once; what it says of the body waits until that is read ([`agrees`](TaskPlan::agrees)).

use http::{
    HeaderValue, Method, Uri,
    header::{CONTENT_LENGTH, HOST},
    request::Parts,
};
use longhaul::Workload;

use super::{
    TasksPolicy,
    dialect::Dialect,
    template::{Template, Values},
};
use crate::exchange::{Account, Memory, Origin, Scalar, TopFields, Whole, authority, is_json};

/// How one call becomes a task: its dialect, and every URL that follows from the caller's own.
#[derive(Clone, Debug)]
pub(super) struct TaskPlan {
    pub(super) dialect: Dialect,
    pub(super) account: Account,
    /// The caller's path, and what stands before the part that the dialect names.
    pub(super) path: String,
    /// What stands before the end of the path that the dialect names: `/v1` of `/v1/responses`.
    prefix: String,
    /// Where the submit goes.
    pub(super) origin: Origin,
    /// The same with path and query, which are the caller's unless the dialect has a path of its own.
    pub(super) uri: Uri,
}

impl TaskPlan {
    /// The plan for a call, if its host has a dialect that knows it, and is not known to refuse it.
    ///
    /// Only a `POST` of JSON that is not packed can have one. The first row of the host that knows the call is taken;
    /// where that one was refused, the next is tried.
    pub(super) fn of(
        policy: &TasksPolicy,
        refused: &Memory<(Account, String)>,
        head: &Parts,
    ) -> Option<Self> {
        if head.method != Method::POST || !is_json(&head.headers) {
            return None;
        }
        let own = Origin::of(&head.uri)?;
        let account = Account::of(&head.uri, &head.headers);
        let dialect = policy.rows(&authority(&head.uri)?).find(|dialect| {
            knows(dialect, head) && !refused.knows(&(account, dialect.name.clone()))
        })?;
        let path = head.uri.path();
        let prefix = match dialect.call.path.as_str() {
            "*" => "",
            end => path.strip_suffix(end)?,
        };
        let origin = match &dialect.submit.host {
            Some(host) => Origin::of(&format!("https://{host}").parse().ok()?)?,
            None => own,
        };
        let submit = filled(&dialect.submit.path, path, prefix).unwrap_or_else(|| path.to_owned());
        let query = head.uri.query().map(|query| format!("?{query}"));
        let uri = origin.at(&(submit + &query.unwrap_or_default()))?;
        Some(Self {
            account,
            path: path.to_owned(),
            prefix: prefix.to_owned(),
            origin,
            uri,
            dialect: dialect.clone(),
        })
    }

    /// Whether the body agrees: nothing in it says that the caller has something else in mind.
    ///
    /// `None` where a field says something else: one of `never_with` whatever its value, one of `never_where` with that
    /// value, or one that the submit would set. `store: false` is such: OpenAI keeps no answer then that could be
    /// collected.
    pub(super) fn agrees(&self, body: &Whole) -> Option<TopFields> {
        let call = &self.dialect.call;
        let submit = &self.dialect.submit;
        let names = call.never_with.iter().chain(call.never_where.keys());
        let names: Vec<_> = names.chain(submit.set.keys()).map(String::as_str).collect();
        let said = body.said(&names)?;
        let forbidden = |(name, value): (&String, &Option<Scalar>)| {
            let ruled_out = call
                .never_where
                .get(name)
                .is_some_and(|never| value.as_ref() == Some(never));
            ruled_out || call.never_with.contains(name) || submit.set.contains_key(name)
        };
        (!said.fields.iter().any(forbidden)).then_some(said)
    }

    /// The head of the submit.
    ///
    /// The length is left out, because the body may have grown; the client sets it anew. `Host`, where the caller has
    /// set one, names the host that the submit goes to.
    pub(super) fn submit_head(&self, mut head: Parts) -> Parts {
        let moved = self.dialect.submit.host.is_some();
        head.uri = self.uri.clone();
        head.headers.remove(CONTENT_LENGTH);
        for name in &self.dialect.submit.drop_headers {
            head.headers.remove(name);
        }
        if moved
            && head.headers.contains_key(HOST)
            && let Ok(host) = HeaderValue::try_from(self.origin.host())
        {
            head.headers.insert(HOST, host);
        }
        head
    }

    /// The path of the poll by the dialect's rule.
    ///
    /// `None` where the row has no rule, or the id cannot be a segment of a path.
    pub(super) fn poll_path(&self, id: &str) -> Option<String> {
        self.path_of(self.dialect.task.poll.as_ref()?, id)
    }

    /// The path at which the task is cancelled by the dialect's rule.
    pub(super) fn cancel_path(&self, id: &str) -> Option<String> {
        self.path_of(self.dialect.cancel.as_ref()?.path.as_ref()?, id)
    }

    /// The path at which the account's tasks are listed.
    pub(super) fn list_path(&self, list: &Template) -> String {
        list.filled(Values {
            path: &self.path,
            prefix: &self.prefix,
            submit: self.uri.path(),
            id: "",
        })
    }

    /// A template with the id in it, encoded as one segment.
    fn path_of(&self, template: &Template, id: &str) -> Option<String> {
        let id = crate::exchange::encoded(id)?;
        Some(template.filled(Values {
            path: &self.path,
            prefix: &self.prefix,
            submit: self.uri.path(),
            id: &id,
        }))
    }
}

/// The path of the submit by the dialect's template; `None` where the dialect has none and the caller's path is used.
fn filled(template: &Option<Template>, path: &str, prefix: &str) -> Option<String> {
    let values = Values {
        path,
        prefix,
        submit: path,
        id: "",
    };
    template.as_ref().map(|template| template.filled(values))
}

/// Whether a dialect means this call: by the end of its path, by `Prefer: wait` where the dialect asks for that, and by
/// what the detector found where it is for pictures alone. Without a detector above all calls count as pictures.
fn knows(dialect: &Dialect, head: &Parts) -> bool {
    let call = &dialect.call;
    let path = call.path == "*" || head.uri.path().ends_with(&call.path);
    let waits = || {
        let prefer = head.headers.get_all("prefer").iter();
        prefer
            .filter_map(|prefer| prefer.to_str().ok())
            .flat_map(|prefer| prefer.split(','))
            .any(|word| word.trim().split(['=', ';']).next() == Some("wait"))
    };
    let pictures = || {
        let workload = head.extensions.get::<Workload>();
        workload.is_none_or(|workload| workload.recognised)
    };
    path && (!call.prefer_wait || waits()) && (!call.pictures_only || pictures())
}
