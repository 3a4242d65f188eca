//! Which process it is, so that another one with the same number is not taken for it.
//!
//! A process's number comes again: soon in a container, where the gateway is number 1 at every start. Number, start
//! since boot, and the boot's own id name one process for good.

use std::fs;

/// Of this process, or of the one with number `process`: `17@123456`, with the time of its start; nothing where the
/// system does not tell, or no such process lives.
///
/// The start is field 22 of `/proc/PID/stat`, in ticks since the boot; it is the 20th behind the program's name.
pub(super) fn mark(process: u32) -> Option<String> {
    let about = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name stands in brackets, and may hold any character.
    let (_, rest) = about.rsplit_once(')')?;
    let began = rest.split_whitespace().nth(19)?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{process}@{began}@{}", boot.trim()))
}

/// Whether the process that `mark` was made of still lives, and is not this one.
pub(super) fn lives_elsewhere(mark: &str) -> bool {
    let Some(process) = mark.split('@').next().and_then(|text| text.parse().ok()) else {
        return false;
    };
    process != std::process::id() && self::mark(process).as_deref() == Some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_told_from_a_later_one_of_its_number() {
        let ours = mark(std::process::id()).expect("we live");
        assert!(!lives_elsewhere(&ours));
        let parent = std::os::unix::process::parent_id();
        let theirs = mark(parent).expect("it waits for us");
        assert!(lives_elsewhere(&theirs));
        assert!(!lives_elsewhere(&theirs.replacen('@', "@1", 1)));
        assert!(!lives_elsewhere("no mark"));
    }
}
