//! The main example as its users run it: what it prints, what it writes, how it exits.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// One run of the example, with a directory of its own.
#[derive(Debug)]
struct Run {
    good: bool,
    stdout: String,
    stderr: String,
    picture: PathBuf,
}

/// The example, to be run in `directory`.
fn command(directory: &Path) -> Command {
    let mut command = Command::new(example());
    command.current_dir(directory);
    command
}

/// Runs it with `--out …` and these arguments; `name` is the test's.
fn run(name: &str, arguments: &[&str]) -> Run {
    let directory = directory(name);
    let picture = directory.join("picture.png");
    let output = command(&directory)
        .arg("--out")
        .arg(&picture)
        .args(arguments)
        .output()
        .expect("the example can be started");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run {
        good: output.status.success(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        picture,
    }
}

/// The built example. Cargo builds it with all tests; for this one alone it must be built before.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let example = profile
        .join("examples/generate")
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        example.exists(),
        "{} is missing: run `cargo build -p longhaul-workspace --example generate` first",
        example.display()
    );
    example
}

/// An empty directory.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("generate")
        .join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).expect("ours to remove");
    }
    std::fs::create_dir_all(&directory).expect("a place for files");
    directory
}

impl Run {
    /// The document on stdout, which holds nothing else.
    fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It went well, and this is the document.
    fn good_document(&self) -> Value {
        assert!(self.good, "{self:?}");
        let document = self.document();
        assert_shape(&document);
        assert_eq!(document["class"], "Delivered");
        assert_eq!(document["ledger_matches_oracle"], true);
        document
    }

    /// It went wrong, and stderr says all of this.
    fn assert_says(&self, words: &[&str]) {
        assert!(!self.good, "{self:?}");
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is missing: {}",
                self.stderr
            );
        }
        assert!(!self.picture.exists());
    }

    /// Width and height of the picture on disk, and its length.
    fn written(&self) -> (usize, usize, u64) {
        let size = imagesize::size(&self.picture).expect("a picture");
        let length = std::fs::metadata(&self.picture).expect("a file").len();
        (size.width, size.height, length)
    }
}

const DOCUMENT: [&str; 9] = [
    "operation",
    "workload",
    "class",
    "attempts",
    "waits_ms",
    "image",
    "claims",
    "oracle",
    "ledger_matches_oracle",
];

/// The document has these fields and no others; `error` belongs to a failure.
fn assert_shape(document: &Value) {
    assert_fields(document, &DOCUMENT);
    assert_fields(&document["workload"], &["model", "resolution", "images"]);
    let attempt = [
        "number",
        "class",
        "end",
        "phase",
        "status",
        "http_version",
        "elapsed_ms",
        "exposure_micros",
    ];
    each(&document["attempts"], &attempt);
    each(&document["claims"], &["rule", "attempt", "amount_micros"]);
    assert_fields(&document["image"], &["path", "bytes", "width", "height"]);
    let oracle = ["received", "generated", "charged", "delivered"];
    assert_fields(&document["oracle"], &oracle);
}

fn assert_fields(value: &Value, fields: &[&str]) {
    let object = value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"));
    let found: BTreeSet<_> = object.keys().map(String::as_str).collect();
    assert_eq!(found, fields.iter().copied().collect());
}

fn each(values: &Value, fields: &[&str]) {
    let values = values
        .as_array()
        .unwrap_or_else(|| panic!("no list: {values}"));
    values.iter().for_each(|value| assert_fields(value, fields));
}

fn of_attempts<'a>(document: &'a Value, field: &str) -> Vec<&'a Value> {
    let attempts = document["attempts"].as_array().expect("a list");
    attempts.iter().map(|attempt| &attempt[field]).collect()
}

#[test]
fn the_main_job_brings_the_picture_through_an_overload_and_a_cut() {
    let run = run("main_job", &["--json", "--speed", "100"]);

    let document = run.good_document();

    let classes = of_attempts(&document, "class");
    assert_eq!(classes, ["Overloaded", "UnknownOutcome", "Delivered"]);
    assert_eq!(of_attempts(&document, "number"), [1, 2, 3]);
    assert_eq!(
        of_attempts(&document, "end"),
        ["Finished", "Failed", "Finished"]
    );
    assert_eq!(of_attempts(&document, "phase"), ["Body", "Head", "Body"]);
    let statuses = of_attempts(&document, "status");
    assert_eq!(
        statuses,
        [&Value::from(503), &Value::Null, &Value::from(200)]
    );
    assert_eq!(
        of_attempts(&document, "exposure_micros"),
        [0, 216_000, 240_000]
    );
    let cut = document["attempts"][1]["elapsed_ms"]
        .as_u64()
        .expect("a number");
    assert!(cut >= 60_000, "the provider's time: {cut} ms");
    let waits = document["waits_ms"].as_array().expect("a list");
    assert_eq!(waits.len(), 2);
    assert!(
        waits[0].as_u64() >= Some(15_000),
        "never sooner after an overload"
    );
    assert_eq!(document["workload"]["model"], "nano-banana-pro");
    assert_eq!(document["workload"]["resolution"], "K4");
    assert_eq!(document["workload"]["images"], 1);
    assert_eq!(document["claims"][0]["rule"], "Duplicate");
    assert_eq!(document["claims"][0]["attempt"], 2);
    let oracle = ["received", "generated", "charged", "delivered"];
    let oracle = oracle.map(|field| document["oracle"][field].as_u64());
    assert_eq!(oracle, [3, 2, 2, 1].map(Some));

    let (width, height, bytes) = run.written();
    assert_eq!((width, height), (4096, 4096));
    assert!(bytes >= 7_000_000, "{bytes} bytes");
    let image = &document["image"];
    assert_eq!(image["path"], run.picture.to_str().expect("UTF-8"));
    assert_eq!(
        (image["width"].as_u64(), image["height"].as_u64()),
        (Some(4096), Some(4096))
    );
    assert_eq!(image["bytes"], bytes);
}

#[test]
fn people_get_the_story_on_stderr_and_a_table_on_stdout() {
    let run = run("people", &["--size", "1024x1024"]);

    assert!(run.good, "{run:?}");
    for word in [
        "POST http://127.0.0.1:",
        "attempt 1",
        "overloaded",
        "cut",
        "attempt 3",
    ] {
        assert!(
            run.stderr.contains(word),
            "{word:?} is missing: {}",
            run.stderr
        );
    }
    for word in [
        "1024×1024 pixels",
        "UnknownOutcome",
        "may have cost",
        "Claim:",
        "The provider received 3 requests, made 2 pictures, charged 2 and delivered 1.",
        "Our ledger agrees",
    ] {
        assert!(
            run.stdout.contains(word),
            "{word:?} is missing: {}",
            run.stdout
        );
    }
}

#[test]
fn geminis_dialect_works_alike() {
    let arguments = ["--json", "--dialect", "gemini", "--size", "2048x2048"];
    let run = run("gemini", &arguments);

    let document = run.good_document();

    let classes = of_attempts(&document, "class");
    assert_eq!(classes, ["Overloaded", "UnknownOutcome", "Delivered"]);
    assert_eq!(document["workload"]["model"], "gemini-3-pro-image");
    assert_eq!(document["workload"]["resolution"], "K2");
    let (width, height, _) = run.written();
    assert_eq!((width, height), (2048, 2048));
}

#[test]
fn a_picture_that_comes_as_a_link_is_fetched() {
    let arguments = [
        "--json",
        "--response-format",
        "url",
        "--fault",
        "none",
        "--size",
        "2K",
    ];
    let run = run("link", &arguments);

    run.good_document();

    let (width, height, bytes) = run.written();
    assert_eq!((width, height), (2048, 2048));
    assert!(bytes > 1_000_000, "{bytes} bytes");
}

#[test]
fn the_size_decides_the_resolution() {
    for (size, resolution, pixels) in [
        ("1024x1024", "K1", (1024, 1024)),
        ("1792x1024", "K1", (1792, 1024)),
        ("2K", "K2", (2048, 2048)),
    ] {
        let run = run(size, &["--json", "--fault", "none", "--size", size]);

        let document = run.good_document();

        assert_eq!(document["workload"]["resolution"], resolution, "{size}");
        assert_eq!(of_attempts(&document, "class"), ["Delivered"]);
        let (width, height, _) = run.written();
        assert_eq!((width, height), pixels);
    }
}

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
fn a_failure_says_what_happened_what_it_may_have_cost_and_what_to_do() {
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
            "no-image",
            "NoImage",
            ["status 200", charged, "claim it from the provider"],
        ),
        (
            "blocked",
            "ContentBlocked",
            ["status 400", free, "change the prompt"],
        ),
        (
            "overloaded*3",
            "Overloaded",
            ["model is overloaded", free, "use another provider"],
        ),
        (
            "cut@60*3",
            "UnknownOutcome",
            ["the connection broke", charged, "provider's log"],
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
            &format!("failure_{class}"),
            &["--json", "--fault", fault, "--size", "1024x1024"],
        );

        run.assert_says(&words);
        let document = run.document();
        assert_eq!(document["class"], class, "{fault}");
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
    std::fs::write(&file, "[retry]\nattempts = 1\n").expect("writable");
    let file = file.to_str().expect("UTF-8");

    let run = run(
        "policy",
        &["--json", "--size", "1024x1024", "--policy", file],
    );

    run.assert_says(&["overloaded"]);
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
fn a_place_that_the_picture_cannot_have_is_refused_before_it_is_paid_for() {
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
