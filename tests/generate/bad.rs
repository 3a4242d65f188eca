//! Runs that bring none.

use serde_json::Value;

use crate::{
    document::of_attempts,
    run::{command, directory, run},
};

#[test]
fn the_careful_policy_does_not_send_again_what_may_be_charged() {
    let arguments = [
        "--json",
        "--careful",
        "--fault",
        "silence,none",
        "--size",
        "1024x1024",
    ];
    let run = run("careful", &arguments);

    run.assert_says(&["it may have cost 0.1344 USD with a probability of 90 %"]);
    let document = run.document();
    assert_eq!(document["image"], Value::Null);
    assert_eq!(document["class"], "UnknownOutcome");
    assert_eq!(of_attempts(&document, "class"), ["UnknownOutcome"]);
    assert_eq!(of_attempts(&document, "end"), ["TimedOut"]);
    assert_eq!(document["oracle"]["charged"], 1);
    assert_eq!(document["oracle"]["delivered"], 0);
    assert_eq!(document["ledger_matches_oracle"], true);
    assert!(document["error"].is_string());
}

#[test]
fn a_failure_says_what_happened_what_it_cost_and_what_to_do() {
    let free = "it may have cost nothing";
    let charged = "it may have cost 0.1344 USD";
    for (fault, class, words) in [
        (
            "unauthorized",
            "ClientError",
            ["Invalid API key", free, "correct the request or the key"],
        ),
        (
            "quota",
            "QuotaExhausted",
            ["exceeded your current quota", free, "top up the quota"],
        ),
        (
            "bad-request",
            "ClientError",
            ["The request is invalid", free, "correct the request"],
        ),
        (
            // Once more, since the first may have been a slip; then it is claimed.
            "no-image*2",
            "NoImage",
            ["status 200", charged, "claim it from the provider"],
        ),
        (
            "blocked",
            "ContentBlocked",
            ["status 400", free, "change the prompt"],
        ),
        (
            // Three cuts after the same time are no accident, if this machine is quick enough to see it.
            "cut@60*3",
            "IntermediaryCut or UnknownOutcome",
            ["together at most", charged, "provider's log"],
        ),
        (
            "stalled*3",
            "Undelivered",
            ["stopped arriving", charged, "claim it"],
        ),
        (
            "refused@3600",
            "NeverSent",
            ["no TCP connection", free, "sending again is free"],
        ),
    ] {
        let run = run(
            &format!("failure_{fault}"),
            &["--json", "--fault", fault, "--size", "1024x1024"],
        );

        run.assert_says(&words);
        let document = run.document();
        let known = class.split(" or ").any(|class| document["class"] == class);
        assert!(known, "{fault}: {document}");
        assert_eq!(document["image"], Value::Null);
        assert_eq!(
            document["ledger_matches_oracle"], true,
            "{fault}: {document}"
        );
    }
}

#[test]
fn a_policy_file_is_kept() {
    let file = directory("policy_file").join("policy.toml");
    std::fs::write(&file, "[retry]\nfree_until = \"0s\"\n").expect("writable");
    let file = file.to_str().expect("UTF-8");

    let run = run(
        "policy",
        &["--json", "--size", "1024x1024", "--policy", file],
    );

    run.assert_says(&[
        "model is overloaded",
        "it may have cost nothing",
        "use another provider",
    ]);
    assert_eq!(of_attempts(&run.document(), "class"), ["Overloaded"]);
}

#[test]
fn a_policy_file_with_a_wrong_key_is_refused_by_its_name() {
    let file = directory("bad_policy_file").join("policy.toml");
    std::fs::write(&file, "[retry]\nattemps = 1\n").expect("writable");
    let file = file.to_str().expect("UTF-8");

    let run = run("bad_policy", &["--json", "--policy", file]);

    run.assert_says(&[file, "attemps"]);
    assert_eq!(run.stdout, "");
}

#[test]
fn bad_arguments_are_refused_by_their_name() {
    for (arguments, words) in [
        (
            ["--fault", "nonsense"],
            ["--fault", "no such fault; known are"],
        ),
        (["--fault", "cut"], ["--fault", "needs a value"]),
        (["--size", "enormous"], ["--size", "enormous"]),
        (["--size", "0x0"], ["--size", "0x0"]),
        (
            ["--policy", "nowhere.toml"],
            ["nowhere.toml", "No such file"],
        ),
        (["--dialect", "esperanto"], ["--dialect", "openai"]),
        (
            ["--base-url", "https://api.example.com"],
            ["--api-key-env", "required"],
        ),
        (["--speed", "0"], ["--speed", "from 0.001"]),
    ] {
        let run = run("bad_arguments", &arguments);

        run.assert_says(&words);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_place_the_picture_cannot_have_is_refused_before_paying() {
    let directory = directory("bad_out");
    for out in ["nowhere/picture.png", "."] {
        let output = command(&directory).args(["--out", out]).output();
        let output = output.expect("the example can be started");

        assert!(!output.status.success());
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(stderr.contains(&format!("--out: {out}")), "{stderr}");
        assert!(!stderr.contains("POST"), "nothing was asked for: {stderr}");
    }
}
