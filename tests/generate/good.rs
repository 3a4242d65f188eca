//! Runs that bring a picture.

use serde_json::Value;

use crate::{document::of_attempts, run::run};

#[test]
fn the_main_job_gets_through_an_overload_and_a_cut() {
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
