//! The database is gone for a while, and the disk is full.

use std::{process::Command, time::Duration};

use http::StatusCode;
use longhaul_gateway::config::Config;
use longhaul_testing::Postgres;

use super::{PROGRAM, Program};
use crate::{
    holding::Holding,
    support::{patient_policy, until, until_within},
};

/// More than a moment; scaled from the minute that a restart of a database takes.
const GONE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgresql_is_gone_nothing_is_lost_or_paid_twice() {
    let Some(mut postgres) = Postgres::start() else {
        return;
    };
    let (state, ledger) = (postgres.database(), postgres.database());
    let provider = Holding::start(32 * 1024, Duration::ZERO).await;
    let folder = tempfile::tempdir().unwrap();
    let share = |config: &mut Config| {
        config.state.clone_from(&state);
        config.ledger.clone_from(&ledger);
    };
    let program = Program::before(&provider, folder.path(), share).await;
    let call = |prompt: &str| program.ask(prompt, &[("idempotency-key", prompt)]);
    let before: Vec<_> = (0..10)
        .map(|number| call(&format!("before {number}")))
        .collect();
    until("all wait for their pictures", || provider.waiting() == 10).await;

    postgres.stop();
    provider.answer();
    // Who waits gets its picture, although nobody can write down that it came.
    for (number, call) in before.into_iter().enumerate() {
        let picture = call.await.unwrap().picture();
        assert!(picture == provider.picture(&format!("before {number}")));
    }
    // Who comes now waits or is refused, and nothing is sent for it.
    let during: Vec<_> = (0..5)
        .map(|number| call(&format!("during {number}")))
        .collect();
    tokio::time::sleep(GONE).await;
    assert_eq!(
        provider.asked(),
        10,
        "nothing is sent that is not written down"
    );

    postgres.start_again();
    for call in during {
        let answer = call.await.unwrap();
        let refused = answer.status == StatusCode::SERVICE_UNAVAILABLE;
        assert!(refused || answer.status == StatusCode::OK, "{answer:?}");
    }
    for number in 0..5 {
        let prompt = format!("during {number}");
        let mut answer = None;
        // A refusal says when to ask again.
        until_within(Duration::from_secs(120), "it is there", async || {
            let answered = call(&prompt).await.unwrap();
            let there = answered.status == StatusCode::OK;
            answer = Some(answered);
            there
        })
        .await;
        assert!(answer.unwrap().picture() == provider.picture(&prompt));
    }
    // What ended meanwhile is written down: another gateway, which shares nothing but database and folder, has it.
    let other_folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers");
    let other = Program::before(&provider, other_folder.path(), |config| {
        share(config);
        config.replay.folder = answers;
    })
    .await;
    for number in 0..10 {
        let prompt = format!("before {number}");
        let key = [("idempotency-key", prompt.as_str())];
        let answer = other.ask(&prompt, &key).await.unwrap();
        assert_eq!(
            answer.header("idempotent-replayed"),
            Some("true"),
            "{answer:?}"
        );
        assert!(answer.picture() == provider.picture(&prompt));
    }
    assert_eq!(provider.paid_twice(), [""; 0]);
    assert_eq!(provider.asked(), 15);
}

/// A disk that takes files of so many blocks and no more does what a full one does, without the right to fill one.
const SMALL_DISK: &str = "trap '' XFSZ; ulimit -f 4000; exec \"$0\" \"$@\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_no_caller_its_picture() {
    const PICTURE: usize = 6 << 20;
    let provider = Holding::start(PICTURE, Duration::ZERO).await;
    provider.answer();
    let folder = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", SMALL_DISK, PROGRAM]);
    let patient = |config: &mut Config| config.upstreams[0].policy = patient_policy();
    let program = Program::launch(limited, folder.path(), &provider.url, patient).await;
    for prompt in ["a cat", "a dog"] {
        let answer = program.ask(prompt, &[("idempotency-key", prompt)]).await;
        assert!(
            answer.unwrap().picture() == provider.picture(prompt),
            "{prompt}"
        );
    }
    // It could not be kept, and is not paid again.
    let again = program.ask("a cat", &[("idempotency-key", "a cat")]).await;
    let again = again.unwrap();
    assert_eq!(again.status, StatusCode::GONE, "{again:?}");
    assert_eq!(again.json()["error"]["code"], "answer_gone");
    assert_eq!(provider.asked(), 2);
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("cannot be kept on disk"), "{log}");
    // What nobody will be given takes no room for long.
    drop(program);
    let _back = Program::before(&provider, folder.path(), |_| {}).await;
    let answers = folder.path().join("answers").read_dir().unwrap();
    assert_eq!(answers.count(), 0);
}
