//! Callers who leave and come back, for a while: nothing is paid twice, nothing that was paid is lost, and nothing grows.

use std::{path::Path, time::Duration};

use http::StatusCode;
use tokio::task::JoinSet;

use super::{PATH, Program, from_environment};
use crate::{
    holding::{Holding, order},
    support::{Answer, post, try_post, until, until_within},
};

/// In each round.
const CALLS: usize = 120;
/// What a gateway may have grown by from the second round to the last, for all that an allocator keeps.
const SLACK: usize = 64 << 20;

/// How a caller is known again.
#[derive(Clone, Copy)]
enum Comes {
    ByKey,
    /// By an SDK's count of its retries.
    ByCount,
    Never,
}

impl Comes {
    fn of(number: usize) -> Self {
        [Self::ByKey, Self::ByCount, Self::Never, Self::ByKey][number % 4]
    }
}

/// Leaves three times, each time a little later, and stays then, unless it never comes back.
async fn caller(url: String, prompt: String, number: usize) -> Option<Answer> {
    let body = order(&prompt);
    let comes = Comes::of(number);
    for turn in 0..3_u64 {
        let count = turn.to_string();
        let headers = match comes {
            Comes::ByKey => [("idempotency-key", prompt.as_str())],
            _ => [("x-stainless-retry-count", count.as_str())],
        };
        let waits = Duration::from_millis(20 + 7 * (number as u64 % 20) + 60 * turn);
        let answer = tokio::time::timeout(waits, try_post(&url, &body, &headers)).await;
        match answer.map(Result::unwrap) {
            Ok(answer) if !is_to_ask_again(&answer) => return Some(answer),
            _ => {}
        }
        if matches!(comes, Comes::Never) {
            return None;
        }
    }
    let headers = match comes {
        Comes::ByKey => [("idempotency-key", prompt.as_str())],
        _ => [("x-stainless-retry-count", "3")],
    };
    loop {
        let answer = post(&url, &body, &headers).await;
        if !is_to_ask_again(&answer) {
            return Some(answer);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What came back to an operation that was just given up, because its caller had left before anything was sent.
fn is_to_ask_again(answer: &Answer) -> bool {
    answer.status == StatusCode::SERVICE_UNAVAILABLE
        && answer.header("x-should-retry") == Some("true")
}

/// Files and sockets that the program has open.
fn open_files(program: &Program) -> Option<usize> {
    let folder = format!("/proc/{}/fd", program.child.id());
    Some(Path::new(&folder).read_dir().ok()?.count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_leave_and_come_back_and_nothing_is_lost() {
    let rounds = from_environment("LONGHAUL_GATEWAY_ROUNDS", 4);
    let provider = Holding::start(200 * 1024, Duration::from_millis(400)).await;
    provider.answer();
    let folder = tempfile::tempdir().unwrap();
    let program = Program::before(&provider, folder.path(), |config| {
        config.replay.sdk_retries_within = Duration::from_secs(30);
        // The oldest answers go as new ones come.
        config.replay.quota_bytes = 60 << 20;
    })
    .await;
    let mut at_rest = Vec::new();
    for round in 0..rounds {
        let mut callers = JoinSet::new();
        for number in 0..CALLS {
            let prompt = format!("picture {number} of round {round}");
            let url = format!("{}{PATH}", program.url);
            callers.spawn(async move {
                let answer = caller(url, prompt.clone(), number).await;
                (number, prompt, answer)
            });
        }
        while let Some(ended) = callers.join_next().await {
            let (number, prompt, answer) = ended.unwrap();
            match (Comes::of(number), answer) {
                (Comes::Never, None) => assert!(provider.asked_for(&prompt) <= 1, "{prompt}"),
                (_, Some(answer)) => {
                    assert!(answer.picture() == provider.picture(&prompt), "{prompt}");
                    assert_eq!(provider.asked_for(&prompt), 1, "{prompt}");
                }
                (_, None) => panic!("{prompt}: its caller came back and has nothing"),
            }
        }
        // Those whose callers never came back run to their ends too.
        until_within(Duration::from_secs(60), "all is at rest", async || {
            let metrics = program.metrics().await;
            metrics.contains("longhaul_operations_running 0") && provider.waiting() == 0
        })
        .await;
        if let [_, (Some(files), _), ..] = at_rest[..] {
            // The pool keeps some connections; the answers' files and the callers' lines are closed.
            until("files and lines are closed", || {
                open_files(&program).is_some_and(|open| open <= files + 32)
            })
            .await;
        }
        at_rest.push((open_files(&program), program.memory()));
    }
    assert_eq!(provider.paid_twice(), [""; 0]);
    if let [_, (_, Some(memory)), .., (_, Some(last))] = at_rest[..] {
        assert!(
            last.saturating_sub(memory) < SLACK,
            "{memory} bytes of memory, then {last}"
        );
    }
    let answers = folder.path().join("answers");
    // The oldest are removed after the last operation has ended.
    until("the answers are within their quota", || {
        let files = answers.read_dir().unwrap();
        let kept: u64 = files
            .map(|file| file.unwrap().metadata().map_or(0, |file| file.len()))
            .sum();
        kept <= 62 << 20
    })
    .await;
}
