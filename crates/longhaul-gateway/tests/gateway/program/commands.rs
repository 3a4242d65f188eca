//! Its other commands.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use super::PROGRAM;

fn output(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    (output.status.success(), text)
}

#[test]
fn a_key_is_made_and_the_configuration_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    let path = file.to_str().unwrap();
    let (good, printed) = output(&["key", "new", "alice"]);
    assert!(good, "{printed}");
    assert!(printed.contains("# lh-") && printed.contains("name = \"alice\""));
    let upstream = "[[upstreams]]\nname = \"a\"\nurl = \"https://a.example\"\nkey = \"none\"\n";
    std::fs::write(&file, format!("{printed}\n{upstream}")).unwrap();
    let (good, shown) = output(&["--check", path]);
    assert!(good, "{shown}");
    assert!(
        shown.contains("after = \"45s\"") && shown.contains("[upstreams.policy.retry"),
        "{shown}"
    );
    std::fs::write(&file, format!("colour = 1\n{upstream}")).unwrap();
    let (good, shown) = output(&["--check", path]);
    assert!(!good && shown.contains("colour"), "{shown}");
}

#[test]
fn the_demonstration_says_how_to_try_it() {
    let mut child = Command::new(PROGRAM)
        .arg("--demo")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The usual ports may be taken on this machine: then it says so.
    let told = lines
        .map_while(Result::ok)
        .any(|line| line.contains("curl"));
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told || said.contains("in use"), "{said}");
}
