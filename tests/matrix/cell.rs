//! One cell: an operation that meets the fault, and then nothing.

use std::{fmt::Debug, time::Duration};

use libtest_mimic::Failed;
use longhaul::Class;
use longhaul_sim::Dialect;
use longhaul_testing::harness::Ended;

use crate::{stage::Stage, table::Row};

#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) dialect: Dialect,
    pub(crate) row: Row,
}

impl Cell {
    pub(crate) fn name(&self) -> String {
        let Row {
            fault,
            load,
            policy,
            seen,
            ..
        } = &self.row;
        let name = format!("{fault} {:?} {load:?} {policy:?}", self.dialect);
        match seen.leaves_in() {
            Some(phase) => format!("{name}, left in {phase}"),
            None => name,
        }
    }

    /// Fails with all that differs from the row.
    pub(crate) fn holds(&self) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let found = runtime.block_on(self.run());
        if found.is_empty() {
            return Ok(());
        }
        Err(found.join("\n").into())
    }

    async fn run(&self) -> Vec<String> {
        let stage = Stage::set(&self.row).await;
        let ended = stage.perform(self.dialect, self.row.seen.leaves_in()).await;
        let mut found = stage.disagreements().await;
        if let Some(ended) = &ended {
            found.extend(self.wrong_answer(&stage, ended).await);
        }

        let seen = stage.seen(ended.as_ref(), self.row.seen.open()).await;
        let differences = seen.differences(&self.row.seen);
        if !differences.is_empty() {
            found.extend(differences);
            found.push(format!("the row would be: {}", seen.0.join(" | ")));
        }
        drop(ended);
        found.extend(stage.strike(self.dialect).await);
        found
    }

    /// What the caller got must fit the ledger: the picture of the last request, the answer, or an error that means
    /// the same.
    async fn wrong_answer(&self, stage: &Stage, ended: &Ended) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(told) = self.row.told_ms.map(Duration::from_millis)
            && ended.report.waits().first().is_none_or(|wait| *wait < told)
        {
            found.push(format!(
                "it waited {:?} instead of {told:?}",
                ended.report.waits()
            ));
        }
        let records = stage.harness.stack.ledger().records();
        let last = records.last().and_then(|record| record.closing.as_ref());
        let last = last.map(|closing| closing.outcome.class);
        if let Some(picture) = ended.picture() {
            let truth = stage.truth().await;
            let made = truth.last().map(|entry| entry.images.clone());
            differ(&mut found, "picture", Some(vec![picture]), made);
            differ(&mut found, "the last class", last, Some(Class::Delivered));
        } else if let Err(error) = &ended.answer {
            differ(&mut found, "the error's class", Some(error.class()), last);
            let keyed = error.idempotency_key().is_some();
            differ(&mut found, "a key in the error", keyed, true);
        }
        found
    }
}

pub(crate) fn differ<T: PartialEq + Debug>(found: &mut Vec<String>, what: &str, is: T, should: T) {
    if is != should {
        found.push(format!("{what} is {is:?} instead of {should:?}"));
    }
}
