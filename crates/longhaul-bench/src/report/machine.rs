//! The machine and the versions that the figures were measured with: without them nobody can measure the same again.

use std::{
    env, fs,
    process::{Command, Stdio},
    thread,
};

/// Name and value of each thing that figures depend on.
pub(super) fn facts() -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("processor", processor()),
        (
            "cores",
            thread::available_parallelism().map_or_else(|_| unknown(), |cores| cores.to_string()),
        ),
        ("memory", memory()),
        (
            "system",
            format!("{} {}, {}", env::consts::OS, kernel(), env::consts::ARCH),
        ),
        ("compiler", compiler()),
        ("date", today()),
    ];
    facts.extend(peers());
    facts
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}

fn processor() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(unknown)
}

fn memory() -> String {
    let kilobytes = field("/proc/meminfo", "MemTotal")
        .and_then(|value| value.trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.map_or_else(unknown, |kilobytes| {
        format!("{} GiB", (kilobytes >> 19).div_ceil(2))
    })
}

fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease");
    release.map_or_else(|_| unknown(), |release| release.trim().to_owned())
}

/// The one that is on the path: the same that built this, where it was built by `cargo run`.
fn compiler() -> String {
    let asked = Command::new("rustc")
        .arg("--version")
        .stderr(Stdio::null())
        .output();
    match asked {
        Ok(said) if said.status.success() => {
            String::from_utf8_lossy(&said.stdout).trim().to_owned()
        }
        _ => unknown(),
    }
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// The versions of what is measured beside us, as the lock file has them.
fn peers() -> Vec<(&'static str, String)> {
    const LOCK: &str = include_str!("../../../../Cargo.lock");
    const PEERS: [&str; 9] = [
        "hyper",
        "hyper-util",
        "jiter",
        "memchr",
        "serde_json",
        "sonic-rs",
        "tokio",
        "tower",
        "tower-resilience-retry",
    ];
    PEERS
        .map(|name| (name, version(LOCK, name).unwrap_or_else(unknown)))
        .into()
}

fn version(lock: &str, name: &str) -> Option<String> {
    let (_, entry) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    let (version, _) = entry.split_once('"')?;
    Some(version.to_owned())
}
