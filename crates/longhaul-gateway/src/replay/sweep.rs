//! Answers that are too old or too many.

use std::{
    path::PathBuf,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, SystemTime},
};

use super::{
    PublicId,
    index::{Row, State},
    layer::Replays,
};
use crate::wall_clock::{millis, now};

/// Between two looks for what is too old.
const PAUSE: Duration = Duration::from_secs(300);
/// Answers that are removed at once.
const AT_ONCE: u32 = 64;

impl Replays {
    /// The file of an answer.
    pub(super) fn file(&self, id: PublicId) -> PathBuf {
        self.0.policy.folder.join(id.digits())
    }

    pub(super) fn kept_more(&self, bytes: u64) {
        self.0.kept_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts what an earlier process kept, and removes what it left half written. To be called before the first operation.
    pub async fn take_over(&self) {
        let folder = &self.0.policy.folder;
        let Ok(mut entries) = tokio::fs::read_dir(folder).await else {
            return;
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let name = entry.file_name();
            // What is not ours stays.
            let Some(id) = name.to_str().and_then(PublicId::of_digits) else {
                continue;
            };
            match self.0.index.get(id).await {
                Ok(Some(row)) if row.state == State::Kept => self.kept_more(row.length),
                Ok(_) => drop(tokio::fs::remove_file(entry.path()).await),
                Err(error) => tracing::warn!(error, "an answer is not looked up"),
            }
        }
    }

    /// Says so often that this process lives, until the runtime ends: several times within a lease, which is a minute
    /// by default.
    pub fn keep_alive(&self, every: Duration) {
        let replays = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                match replays.0.index.renew().await {
                    Ok(0) => {}
                    Ok(lost) => {
                        tracing::warn!(
                            operations = lost,
                            "another process is gone; the outcome of its operations is unknown"
                        );
                    }
                    Err(error) => {
                        tracing::error!(error, "the lease of this process cannot be renewed")
                    }
                }
            }
        });
    }

    /// Removes answers whose time is over, and the oldest above the quota.
    pub(super) async fn sweep(&self) {
        let policy = &self.0.policy;
        self.0.operations.sweep(policy.sdk_retries_within);
        let at = now();
        let due = self.0.swept.load(Relaxed).saturating_add(millis_of(PAUSE)) <= millis(at);
        if due {
            self.0.swept.store(millis(at), Relaxed);
            let before = at
                .checked_sub(policy.keep)
                .unwrap_or(SystemTime::UNIX_EPOCH);
            while self.remove(before).await > 0 {}
        }
        while self.0.kept_bytes.load(Relaxed) > policy.quota_bytes {
            let soon = at.checked_add(Duration::from_secs(1)).unwrap_or(at);
            if self.remove(soon).await == 0 {
                break;
            }
        }
    }

    /// Removes some that ended before; returned is how many.
    async fn remove(&self, before: SystemTime) -> usize {
        let oldest = match self.0.index.oldest_kept(before, AT_ONCE).await {
            Ok(oldest) => oldest,
            Err(error) => {
                tracing::warn!(error, "answers that are too old are not removed");
                return 0;
            }
        };
        let over = || self.0.kept_bytes.load(Relaxed) > self.0.policy.quota_bytes;
        let too_old = |row: &Row| {
            let keep = millis_of(self.0.policy.keep);
            row.ended
                .is_some_and(|ended| ended.saturating_add(keep) <= millis(now()))
        };
        let mut removed = 0;
        for mut row in oldest {
            if !too_old(&row) && !over() {
                break;
            }
            let _ = tokio::fs::remove_file(self.file(row.id)).await;
            self.0.operations.forget(row.id);
            let bytes = row.length;
            let _ = self
                .0
                .kept_bytes
                .fetch_update(Relaxed, Relaxed, |kept| Some(kept.saturating_sub(bytes)));
            // Its key stays known: it was paid for.
            row.state = State::Unknown;
            if let Err(error) = self.0.index.end(row).await {
                tracing::warn!(error, "a removed answer is not written down");
                return 0;
            }
            removed += 1;
        }
        removed
    }
}

fn millis_of(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
