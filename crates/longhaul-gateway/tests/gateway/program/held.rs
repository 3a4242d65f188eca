//! Many calls that wait for minutes at once.

use std::time::Duration;

use longhaul_gateway::{config::Patience, server::open_more_files};
use tokio::task::JoinSet;

use super::{Program, from_environment};
use crate::{
    holding::Holding,
    support::{until, until_within},
};

/// As many connect at a time as a listener lets wait.
const AT_ONCE: usize = 200;
/// Until so many are written down and sent, on a slow disk.
const PATIENCE: Duration = Duration::from_secs(300);
/// Bytes of each picture.
const BYTES: usize = 32 * 1024;
/// Twice what a call took where this was written, unoptimised. What it takes exactly is for benchmarks.
const MOST_MEMORY: usize = 400 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_calls_all_get_their_pictures() {
    // The callers and the provider are in this process: it needs two open files for each.
    let count = from_environment("LONGHAUL_GATEWAY_HELD", 1_000);
    open_more_files();
    let provider = Holding::start(BYTES, Duration::from_secs(1)).await;
    let folder = tempfile::tempdir().unwrap();
    let program = Program::before(&provider, folder.path(), |config| {
        config.upstreams[0].places = count + 1;
        // Each is written down before it is sent, one after the other.
        config.upstreams[0].patience = Patience::Deadline;
        config.limits.connections = 2 * count;
        config.heartbeat.after = Duration::from_secs(1);
        // A caller keeps each blank in the buffer with which it came.
        config.heartbeat.every = Duration::from_millis(count as u64).max(Duration::from_secs(1));
    })
    .await;
    let warm = program.ask("warm", &[]);
    until("it is warm", || provider.waiting() == 1).await;

    let before = program.memory();
    let mut callers = JoinSet::new();
    for number in 0..count {
        let prompt = format!("picture {number}");
        let call = program.ask(&prompt, &[]);
        callers.spawn(async move { (prompt, call.await.unwrap()) });
        if number % AT_ONCE == AT_ONCE - 1 {
            until_within(PATIENCE, "all so far wait", async || {
                provider.waiting() == 2 + number
            })
            .await;
        }
    }
    until_within(PATIENCE, "all wait", async || {
        provider.waiting() == count + 1
    })
    .await;
    let held = program.memory();
    // Blanks go out on every line meanwhile.
    tokio::time::sleep(Duration::from_millis(3 * count as u64)).await;
    let later = program.memory();
    if let (Some(before), Some(held), Some(later)) = (before, held, later) {
        let each = held.saturating_sub(before) / count;
        eprintln!("{count} silent calls: {each} bytes each");
        assert!(each < MOST_MEMORY, "{each} bytes for each call");
        let grown = later.saturating_sub(held) / count;
        assert!(grown < MOST_MEMORY / 4, "{grown} bytes more for each call");
    }

    provider.answer();
    warm.await.unwrap().picture();
    while let Some(ended) = callers.join_next().await {
        let (prompt, answer) = ended.unwrap();
        assert!(answer.picture() == provider.picture(&prompt), "{prompt}");
        // Where a blank went out first.
        assert!(answer.body.unwrap().starts_with(b" "), "{prompt}");
    }
    assert_eq!(provider.paid_twice(), [""; 0]);
    assert_eq!(provider.asked(), count + 1);
    until_within(
        Duration::from_secs(60),
        "no operation is left",
        async || {
            let metrics = program.metrics().await;
            metrics.contains("longhaul_operations_running 0")
        },
    )
    .await;
}
