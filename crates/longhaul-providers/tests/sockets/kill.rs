//! A process is killed while its pictures are made, again and again.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use longhaul_testing::Running;

use super::*;

/// How often, where nobody says otherwise.
const KILLS: usize = 5;

fn kills() -> usize {
    let asked = env::var("LONGHAUL_TASK_KILLS").ok();
    asked.map_or(KILLS, |kills| kills.parse().expect("a number of kills"))
}

fn worker() -> PathBuf {
    let test = env::current_exe().expect("this program has a path");
    let built = test
        .parent()
        .and_then(Path::parent)
        .expect("in a folder of cargo's");
    built
        .join("examples")
        .join(format!("task_worker{}", env::consts::EXE_SUFFIX))
}

fn start(scene: &Scene, journal: &Path, arguments: &[&str]) -> Running {
    let mut command = Command::new(worker());
    command
        .args(["--provider", &scene.server.url()])
        .args(["--speed", &SPEED.to_string()])
        .arg("--journal")
        .arg(journal)
        .args(arguments)
        .stdout(Stdio::null());
    Running::start(&mut command)
}

/// The ids of all handles that are on the disk.
fn durable(journal: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(journal).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("open "));
    lines
        .filter_map(|handle| serde_json::from_str::<Value>(handle).ok())
        .filter_map(|handle| Some(handle["id"].as_str()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_killed_process_loses_no_task_with_a_durable_handle() {
    let scene = Scene::new(Provider::builder().generation(Duration::from_secs(60))).await;
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("handles");
    let mut open_at_kills = 0;
    for kill in 1..=kills() {
        let seen = scene.provider.oracle().totals().tasks;
        let mut worker = start(&scene, &journal, &[]);
        // Until it has done something, and then a little longer each time.
        within(async {
            while scene.provider.oracle().totals().tasks < seen + 6 {
                assert!(
                    worker.is_running(),
                    "it was to be killed, and had ended by itself"
                );
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        tokio::time::sleep(Duration::from_millis(130 * (kill as u64 % 7))).await;
        worker.kill();
        open_at_kills += scene.provider.oracle().totals().running;
    }
    let mut last = start(&scene, &journal, &["--collect-only"]);
    within(async {
        while last.is_running() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    within(scene.provider.oracle().settled()).await;

    let durable = durable(&journal);
    let entries = scene.provider.oracle().entries();
    let mut keys = BTreeSet::new();
    let mut lost = 0;
    for entry in &entries {
        let key = entry.key.clone().expect("every operation has a key");
        assert!(keys.insert(key), "nothing is submitted twice: {entry:?}");
        let Some(task) = &entry.task else {
            // The kill came before the request was read.
            continue;
        };
        if durable.contains(&task.id) {
            assert!(entry.delivered && task.collected > 0, "{entry:?}");
        } else {
            lost += 1;
        }
    }
    println!(
        "{} kills, {} submitted, {} with a handle, {lost} lost between the provider's yes and ours",
        kills(),
        entries.len(),
        durable.len(),
    );
    assert!(
        open_at_kills as usize >= kills(),
        "tasks ran when it was killed: {open_at_kills}"
    );
    // Six calls are in flight: at each kill no more than those can have been submitted and not noted.
    assert!(lost <= 6 * kills(), "{lost}");
}
