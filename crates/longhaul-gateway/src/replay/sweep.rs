//! Answers that are too old or too many.
//!
//! Nothing runs by the clock: an operation that ends looks for what is too old or too much. So an idle gateway does
//! nothing, and a busy one removes as fast as it adds. Once at the start `take_over` removes what a process that died
//! left behind.
//!
//! A row that says "kept" is what makes a file or an object worth anything. Whatever has none is removed; whatever
//! has one is removed together with it. The file goes first and the row after: in between, a caller is told that the
//! answer is gone, and not handed a part of it.
//!
//! Tests: `answers_are_for_nobody_else_and_go_when_their_time_is_over`,
//! `a_whole_answer_is_in_the_store_and_comes_from_there`.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::{PublicId, index::State, layer::Replays};
use crate::wall_clock::{millis, now};

/// Between two looks for what is too old.
///
/// A look is one query with an index; five minutes are nothing beside a day.
const PAUSE: Duration = Duration::from_secs(300);
/// Answers, or rows, that are removed at once.
///
/// So that no query returns a million rows after a `keep` was made shorter.
const AT_ONCE: u32 = 64;

impl Replays {
    /// The file of an answer.
    ///
    /// The 32 digits, without the prefix. The file may be another process's, where they share the folder.
    pub(super) fn file(&self, id: PublicId) -> PathBuf {
        self.0.policy.folder.join(id.digits())
    }

    /// Removes what an earlier process left half written or half stored. To be called before the first operation.
    ///
    /// Files and objects whose operation is kept or runs stay, and so does what is not named like an operation.
    /// Errors are logged and change nothing. The program calls it when it starts; a program of your own does so once
    /// for each folder:
    ///
    /// ```
    /// use longhaul_gateway::replay::{IdempotentReplayLayer, MemoryIndex, ReplayPolicy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let left = folder.path().join("00112233445566778899aabbccddeeff");
    /// let notes = folder.path().join("notes.txt");
    /// std::fs::write(&left, "half a picture")?;
    /// std::fs::write(&notes, "whose folder this is")?;
    /// let layer = IdempotentReplayLayer::new(ReplayPolicy::new(folder.path()), MemoryIndex::new()?);
    /// layer.replays().take_over().await;
    /// assert!(!left.exists(), "no operation of this name is known");
    /// assert!(notes.exists());
    /// # Ok(()) }
    /// ```
    pub async fn take_over(&self) {
        self.remove_forgotten().await;
        self.remove_left(None).await;
    }

    /// Removes from the folder what no row keeps: all of it, or what was last written to before. In a fleet, another
    /// gateway may have written that an answer is kept no longer.
    async fn remove_left(&self, before: Option<SystemTime>) {
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
            if let Some(before) = before {
                let written = entry.metadata().await.and_then(|file| file.modified());
                if written.is_ok_and(|written| written >= before) {
                    continue;
                }
            }
            match self.0.index.get(id).await {
                // What runs may be another gateway's that has the same folder.
                Ok(Some(row)) if matches!(row.state, State::Kept | State::Running) => {}
                Ok(_) => drop(tokio::fs::remove_file(entry.path()).await),
                Err(error) => tracing::warn!(error, "an answer is not looked up"),
            }
        }
    }

    /// Removes from the store what nobody can ask for: its gateway died before it was written down, or nobody was there
    /// to remove it in time.
    ///
    /// Only what is older than `keep`, and has no row that says "kept": another gateway may be about to write that
    /// row.
    async fn remove_forgotten(&self) {
        let Some(store) = self.0.store.get() else {
            return;
        };
        let before = now().checked_sub(self.0.policy.keep);
        let too_old = match store
            .stored_before(before.unwrap_or(SystemTime::UNIX_EPOCH))
            .await
        {
            Ok(too_old) => too_old,
            Err(error) => {
                tracing::warn!(error, "the store of answers is not looked through");
                return;
            }
        };
        for id in too_old {
            let row = self.0.index.get(id).await;
            if row.is_ok_and(|row| row.is_none_or(|row| row.state != State::Kept)) {
                store.remove(id).await;
            }
        }
    }

    /// Says in the index, each time `every` is over, that this process lives, until the runtime ends. `every` is a
    /// part of the lease, which is a minute by default: the program takes a sixth of it.
    ///
    /// Each time it also gives up what processes that are gone left running, and the log says how many. To be called
    /// once, in a tokio runtime. With an index in memory it does nothing. A renewal that fails is logged and
    /// tried again after `every`; after a whole lease of them the others take this process for dead, and its
    /// operations for unknown.
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

    /// Removes answers whose time is over, rows that nobody can ask for, and the oldest answers above the quota.
    ///
    /// It ends at the first error of the index: what is not removed now is removed at the end of the next operation.
    pub(super) async fn sweep(&self) {
        let policy = &self.0.policy;
        for id in self.0.operations.sweep(policy.sdk_retries_within) {
            // Nobody comes for it any more.
            let _ = tokio::fs::remove_file(self.file(id)).await;
        }
        // One at a time: two would take the same answers for theirs to remove.
        let mut swept = self.0.swept.lock().await;
        let at = now();
        if swept.saturating_add(millis_of(PAUSE)) <= millis(at) {
            *swept = millis(at);
            let before = at
                .checked_sub(policy.keep)
                .unwrap_or(SystemTime::UNIX_EPOCH);
            while self.remove(before, u64::MAX).await > 0 {}
            self.forget(at).await;
            self.remove_left(Some(before)).await;
        }
        loop {
            let kept = match self.0.index.kept_bytes().await {
                Ok(kept) => kept,
                Err(error) => {
                    tracing::warn!(error, "how much is kept is not known");
                    return;
                }
            };
            let over = kept.saturating_sub(policy.quota_bytes);
            let soon = at.checked_add(Duration::from_secs(1)).unwrap_or(at);
            if over == 0 || self.remove(soon, over).await == 0 {
                return;
            }
        }
    }

    /// Forgets operations without a key whose answers' time is over, and that no retry means any more.
    async fn forget(&self, now: SystemTime) {
        let policy = &self.0.policy;
        let span = policy.keep.max(policy.sdk_retries_within);
        let before = now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH);
        loop {
            match self.0.index.forget(before, AT_ONCE).await {
                Ok(forgotten) if forgotten > 0 => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(error, "rows that nobody can ask for are not removed");
                    return;
                }
            }
        }
    }

    /// Removes some of those that ended before, the oldest first, until `bytes` are freed; returned is how many.
    ///
    /// Forgotten in this process first, so that a retry does not attach to an answer without a file. A row that cannot
    /// be written ends the round: its file is gone, and who asks for it gets 410 until the row is written.
    async fn remove(&self, before: SystemTime, bytes: u64) -> usize {
        let oldest = match self.0.index.oldest_kept(before, AT_ONCE).await {
            Ok(oldest) => oldest,
            Err(error) => {
                tracing::warn!(error, "answers that are too old are not removed");
                return 0;
            }
        };
        let (mut removed, mut freed) = (0, 0_u64);
        for mut row in oldest {
            if freed >= bytes {
                break;
            }
            self.0.operations.forget(row.id);
            let _ = tokio::fs::remove_file(self.file(row.id)).await;
            if let Some(store) = self.0.store.get() {
                store.remove(row.id).await;
            }
            freed = freed.saturating_add(row.length);
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
