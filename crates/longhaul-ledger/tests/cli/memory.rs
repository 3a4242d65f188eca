//! A listing holds a few hundred entries at a time, however many there are.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use crate::support::{Ledger, program};

/// Few entries take nearly as much memory as many.
const FEW: usize = 5_000;

/// Unoptimised, a million take minutes: the environment may ask for them.
fn many() -> usize {
    let wanted = std::env::var("LONGHAUL_LISTED_ENTRIES").ok();
    wanted.map_or(25_000, |wanted| wanted.parse().unwrap())
}

async fn filled(entries: usize) -> Ledger {
    let ledger = Ledger::sqlite().await;
    ledger.add_alike(entries).await;
    ledger.close().await;
    ledger
}

/// The most memory in kB that the program had shortly before its last line, of which there are `lines`.
fn most(ledger: &Ledger, arguments: &[&str], lines: usize) -> u64 {
    let mut command = program();
    command.args(arguments).env("LONGHAUL_LEDGER", ledger.url());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    // More than the pipe holds is left: it waits for us.
    let read = output.by_ref().take(lines - 2000).map(Result::unwrap);
    assert_eq!(read.count(), lines - 2000);
    let about = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = about.split("VmHWM:").nth(1).unwrap();
    let peak = peak.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(output.count(), 2000);
    assert!(child.wait().unwrap().success());
    peak
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "the system does not tell")]
async fn a_listing_takes_as_much_memory_however_long_it_is() {
    let all = many();
    let (few, many) = (filled(FEW).await, filled(all).await);
    for (arguments, heads) in [
        (&["list", "--limit", "1000000"][..], 1),
        (&["list", "--json", "--limit", "1000000"], 0),
    ] {
        let of_few = most(&few, arguments, FEW + heads);
        let of_many = most(&many, arguments, all + heads);
        // All of them would be some 20 MB, and those of the shorter listing 4.
        assert!(
            of_many < of_few + 8_000,
            "{arguments:?}: {of_few} and {of_many} kB"
        );
    }
}
