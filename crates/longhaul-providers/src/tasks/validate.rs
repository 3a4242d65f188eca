//! Which rows of the table can work.
//!
//! A row is checked when the policy is read and never again, so the exchange may rely on what is said here: there is a
//! way to poll, each state means one thing, waits are above zero, and hosts are names. A row that is wrong in a way
//! that shows only at the first lost submit would be found too late. Each refusal names its key, as the file has it.

use longhaul::ConfigError;

use super::dialect::{Dialect, From};
use crate::exchange::is_host;

impl Dialect {
    /// Refuses a row that cannot work, naming the key.
    ///
    /// The order is that of the table, so that the first fault of a row is the first that its writer meets.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |field: &str, message: &str| Err(ConfigError::new(field, message));
        if self.name.is_empty() {
            return refuse("name", "a dialect needs a name");
        }
        if self.call.path != "*" && !self.call.path.starts_with('/') {
            return refuse(
                "call.path",
                "the end of a path begins with `/`; `*` is any path",
            );
        }
        if self.task.poll_at.is_none() && self.task.poll.is_none() {
            return refuse(
                "task.poll",
                "where a task is polled: `poll`, `poll_at`, or both",
            );
        }
        if let Some(poll) = &self.task.poll
            && !poll.names_id()
        {
            return refuse("task.poll", "the path needs `{id}`");
        }
        self.validate_states()?;
        if self.task.wait.is_zero() {
            return refuse(
                "task.wait",
                "polls without a wait between them are an attack",
            );
        }
        if self.result.pictures.is_empty() {
            return refuse(
                "result.pictures",
                "name the places where a picture is found",
            );
        }
        if self.result.from != From::Answer && self.result.at.is_none() {
            return refuse("result.at", "name the place");
        }
        if self.failure.costs.is_some_and(|costs| costs > 1000) {
            return refuse("failure.costs", "thousandths of the price: 0 to 1000");
        }
        for (field, hosts) in [
            ("submit.host", self.submit.host.as_slice()),
            ("task.key_hosts", &self.task.key_hosts),
        ] {
            if hosts.iter().any(|host| !is_host(host)) {
                return refuse(
                    field,
                    "a host by its name alone, such as `queue.example.com`",
                );
            }
        }
        for name in &self.submit.drop_headers {
            if name.parse::<http::HeaderName>().is_err() {
                return refuse("submit.drop_headers", "not the name of a header");
            }
        }
        if let Some(lost) = &self.lost {
            if lost.list.names_id() {
                return refuse("lost.list", "the path of all tasks has no `{id}`");
            }
            if lost.same.is_empty() {
                return refuse(
                    "lost.same",
                    "name the fields by which a task is known as the one that was ordered",
                );
            }
        }
        let Some(cancel) = &self.cancel else {
            return Ok(());
        };
        if cancel.at.is_none() && cancel.path.is_none() {
            return refuse(
                "cancel.path",
                "where a task is cancelled: `path`, `at`, or both",
            );
        }
        match cancel.method.as_str() {
            "DELETE" | "POST" | "PUT" => Ok(()),
            _ => refuse("cancel.method", "DELETE, POST or PUT"),
        }
    }

    /// Every state means one thing.
    ///
    /// A word that meant both running and failed would be decided by the order of the lists.
    fn validate_states(&self) -> Result<(), ConfigError> {
        let task = &self.task;
        for (field, states) in [
            ("task.running", &task.running),
            ("task.succeeded", &task.succeeded),
        ] {
            if states.is_empty() {
                return Err(ConfigError::new(field, "name at least one state"));
            }
        }
        let all = [
            &task.running,
            &task.succeeded,
            &task.failed,
            &task.cancelled,
            &task.cut_short,
            &task.unknown,
        ];
        let mut seen = Vec::new();
        for state in all.into_iter().flatten() {
            if seen.contains(&state) {
                let message = format!("the state {state:?} is named twice");
                return Err(ConfigError::new("task", message));
            }
            seen.push(state);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::dialect::LostRow, *};

    #[test]
    fn every_shipped_row_can_be_used_and_says_its_source() {
        let names: Vec<_> = Dialect::shipped().iter().map(Dialect::name).collect();
        assert_eq!(names, ["openai-responses", "sub2api", "fal", "replicate"]);
        for row in Dialect::shipped() {
            assert_eq!(row.validate(), Ok(()), "{}", row.name);
            assert!(row.source.len() > 20, "{}", row.name);
        }
    }

    #[test]
    fn a_row_that_cannot_work_is_refused_by_its_key() {
        let refused = |change: &dyn Fn(&mut Dialect)| {
            let mut row = Dialect::shipped()[0].clone();
            change(&mut row);
            row.validate().unwrap_err().field().to_owned()
        };
        assert_eq!(refused(&|row| row.name.clear()), "name");
        assert_eq!(refused(&|row| row.call.path = "x".into()), "call.path");
        assert_eq!(refused(&|row| row.task.poll = None), "task.poll");
        assert_eq!(
            refused(&|row| row.task.poll = Some("/x".parse().unwrap())),
            "task.poll"
        );
        assert_eq!(refused(&|row| row.task.running.clear()), "task.running");
        assert_eq!(
            refused(&|row| row.task.failed.push("queued".into())),
            "task"
        );
        assert_eq!(refused(&|row| row.task.wait = Duration::ZERO), "task.wait");
        assert_eq!(
            refused(&|row| row.result.pictures.clear()),
            "result.pictures"
        );
        assert_eq!(refused(&|row| row.result.from = From::Field), "result.at");
        assert_eq!(
            refused(&|row| row.failure.costs = Some(1001)),
            "failure.costs"
        );
        assert_eq!(
            refused(&|row| row.submit.host = Some("https://x".into())),
            "submit.host"
        );
        assert_eq!(
            refused(&|row| row.task.key_hosts = vec!["*".into()]),
            "task.key_hosts"
        );
        assert_eq!(
            refused(&|row| row.submit.drop_headers = vec!["a b".into()]),
            "submit.drop_headers"
        );
        let lost = |change: &dyn Fn(&mut LostRow)| {
            let row = Dialect::shipped().iter().find_map(|row| row.lost.clone());
            let mut row = row.unwrap();
            change(&mut row);
            refused(&|dialect| dialect.lost = Some(row.clone()))
        };
        assert_eq!(lost(&|row| row.same.clear()), "lost.same");
        assert_eq!(
            lost(&|row| row.list = "/x/{id}".parse().unwrap()),
            "lost.list"
        );
        assert_eq!(
            refused(&|row| row.cancel.as_mut().unwrap().method = "GET".into()),
            "cancel.method"
        );
    }

    #[test]
    fn an_unknown_key_of_a_row_is_refused() {
        let text = toml::to_string(&Dialect::shipped()[0]).unwrap() + "\n[surprise]\n";
        let error = toml::from_str::<Dialect>(&text).unwrap_err().to_string();
        assert!(error.contains("surprise"), "{error}");
    }
}
