//! Finding the task of a submit whose answer was lost, where the API lists tasks.
//!
//! A submit whose connection broke has left a task behind or not, and sending it again might order a second picture.
//! Where the API lists the account's tasks with what was asked, the list decides. The rules are strict, because a wrong
//! guess would give one caller another's picture: made since this submit, equal in all fields that the row names, had
//! by no other call, and the only one of its kind. Otherwise nothing is found and the error stands. The tests
//! `of_several_tasks_in_a_list_none_is_taken_for_ours` and `a_task_that_another_call_has_is_not_found_twice` keep them.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, request::Parts, response};
use longhaul::{Attempt, attempt::Sent};
use serde_json::{Value, value::RawValue};
use tokio::time::{Instant, sleep, timeout};

use super::{
    dialect::LostRow,
    exchange::Running,
    submit::{Submitted, Taken, taken},
    told::Told,
};
use crate::{
    exchange::{Bytewise, Client, Read, Whole, asked_again, read},
    json,
};

/// When the list is looked at, after the submit was lost: what was taken is there within seconds.
///
/// 20 s in all at most, and they shrink with a scaled policy.
const LOOKS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
];
/// How far the provider's clock may be behind ours.
///
/// The list's times are the provider's. A task that is older by its clock than this is an earlier call's.
const CLOCKS: Duration = Duration::from_secs(60);
/// A list is not longer.
///
/// 16 MiB, in bytes; a longer one is not read.
const LONGEST_LIST: usize = 16 * 1024 * 1024;

impl Running<'_> {
    /// The task of a submit since then that may have been taken, if the API's list shows it.
    ///
    /// A look that fails is no answer; the next one is made all the same. Only the first page of a list is read: it has
    /// the newest.
    pub(super) async fn recovered<S, B, R>(
        &self,
        client: S,
        head: &Parts,
        whole: &Whole,
        since: SystemTime,
    ) -> Option<Taken>
    where
        S: Client<B, R>,
        R: Bytewise,
    {
        let row = self.plan.dialect.lost.as_ref()?;
        let wanted = whole.values(&row.same)?;
        let mut client = client;
        let begun = Instant::now();
        for look in LOOKS {
            let at = begun + look.mul_f64(self.shared.policy.pace);
            sleep(at.saturating_duration_since(Instant::now())).await;
            let Some((head, list)) = self.listed(&mut client, head, row).await else {
                continue;
            };
            if let Some(found) = self.found(row, &wanted, since, (&head, &list)) {
                return Some(found);
            }
        }
        None
    }

    /// Whether nobody here knows what became of it: it left, and no answer of the API's own came back.
    ///
    /// 502, 504 and 520 to 526 are written by what stands before the API. Without an attempt handle every broken submit
    /// counts as sent.
    pub(super) fn may_be_taken<R>(
        &self,
        submitted: &Result<Submitted<R>, longhaul::Error>,
    ) -> bool {
        match submitted {
            Ok(Submitted::Answer(answer)) => {
                matches!(answer.status().as_u16(), 502 | 504 | 520..=526)
            }
            Ok(_) => false,
            Err(_) => {
                let sent = self.attempt.as_ref().map(Attempt::sent);
                sent.is_none_or(|sent| sent == Sent::PossiblyWhole)
            }
        }
    }

    /// The list, if it came within the limits of a poll.
    async fn listed<S, B, R>(
        &self,
        client: &mut S,
        head: &Parts,
        row: &LostRow,
    ) -> Option<(response::Parts, Bytes)>
    where
        S: Client<B, R>,
        R: Bytewise,
    {
        let uri = self.plan.origin.at(&self.plan.list_path(&row.list))?;
        let within = self.shared.policy.poll_timeout;
        let asked = asked_again::<S, B, R>(client, head, Method::GET, uri);
        let (head, body) = timeout(within, asked).await.ok()?.ok()?.into_parts();
        match read(body, LONGEST_LIST, Some(within)).await {
            Read::Whole(list) if head.status.is_success() => Some((head, list)),
            _ => None,
        }
    }

    /// The one task that can be ours.
    ///
    /// Another call's task is known by [`Shared::taken`](super::service::Shared::taken). A second one that fits makes
    /// both unusable.
    fn found(
        &self,
        row: &LostRow,
        wanted: &[(String, Value)],
        since: SystemTime,
        (head, list): (&response::Parts, &Bytes),
    ) -> Option<Taken> {
        let earliest = since.checked_sub(CLOCKS)?;
        let fits = |item: &RawValue| {
            let created = row.created.text(item);
            let created = created.and_then(|time| humantime::parse_rfc3339(&time).ok());
            created.is_some_and(|created| created >= earliest)
                && wanted.iter().all(|(name, sent)| {
                    let repeated = json::field(item, name);
                    repeated.is_some_and(|value| is_same(sent, value))
                })
        };
        let items = row.items.all(json::document(list)?);
        let fitting = items.into_iter().filter(|item| fits(item));
        let tasks = fitting.filter_map(|item| {
            let item = list.slice_ref(item.get().as_bytes());
            taken(self.plan, head, &item).ok().flatten()
        });
        // What another call has is not ours.
        let mut tasks = tasks.filter(|task| !self.shared.taken.knows(&self.named(&task.handle.id)));
        let mut found = tasks.next()?;
        if tasks.next().is_some() {
            return None;
        }
        // A list may leave the pictures out: it is asked after all the same.
        found.told = Told::Nothing;
        Some(found)
    }
}

/// Whether the provider repeats what was sent, and perhaps adds to it.
///
/// Providers add defaults to what was sent, so an object may have more fields at its top level; what was sent has to be
/// there unchanged.
fn is_same(sent: &Value, repeated: &RawValue) -> bool {
    let Ok(repeated) = serde_json::from_str::<Value>(repeated.get()) else {
        return false;
    };
    match (sent, &repeated) {
        (Value::Object(sent), Value::Object(repeated)) => sent
            .iter()
            .all(|(name, value)| repeated.get(name) == Some(value)),
        _ => *sent == repeated,
    }
}
