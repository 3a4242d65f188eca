//! Whether a call has a form as a task, by its head; and what its submit is.

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

/// How a call becomes a task.
#[derive(Clone, Debug)]
pub(super) struct TaskPlan {
    pub(super) dialect: Dialect,
    pub(super) account: Account,
    /// The caller's path, and what stands before the part that the dialect names.
    pub(super) path: String,
    prefix: String,
    /// Where the submit goes.
    pub(super) origin: Origin,
    pub(super) uri: Uri,
}

impl TaskPlan {
    /// The plan for a call, if its host has a dialect that knows it, and is not known to refuse it.
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

fn filled(template: &Option<Template>, path: &str, prefix: &str) -> Option<String> {
    let values = Values {
        path,
        prefix,
        submit: path,
        id: "",
    };
    template.as_ref().map(|template| template.filled(values))
}

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
