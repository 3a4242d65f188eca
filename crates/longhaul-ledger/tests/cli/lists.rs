use longhaul::Class;

use crate::support::{Ledger, Run, delivered, on_both, program};

on_both! {
    async fn filters_choose_and_exit_codes_tell_what_was_found(ledger: Ledger) {
        ledger.add(&delivered(1, "2026-01-17T01:00:00Z")).await;
        ledger.add(&delivered(2, "2026-01-17T02:00:00Z").ended(Class::Undelivered).attempt(1)).await;
        ledger.add(&delivered(2, "2026-01-17T03:00:00Z").attempt(2).model("other")).await;
        ledger.add(&delivered(3, "2026-01-31T20:00:00Z").at("elsewhere")).await;
        ledger.add_running(4, 1, "2026-01-18T01:00:00Z").await;
        for (arguments, expected) in [
            (&[][..], 5),
            (&["--month", "2026-01"], 5),
            (&["--month", "2026-02"], 0),
            // Where it is February already.
            (&["--month", "2026-02", "--time-zone", "Asia/Shanghai"], 1),
            (&["--from", "2026-01-17T02:00:00Z", "--until", "2026-01-18"], 2),
            (&["--provider", "elsewhere"], 1),
            (&["--model", "other"], 1),
            (&["--class", "Undelivered"], 1),
            (&["--limit", "3"], 3),
        ] {
            let run = ledger.run(&[&["list", "--json"], arguments].concat());
            assert_eq!(run.lines().len(), expected, "{arguments:?}: {run:?}");
            assert_eq!(run.code, if expected == 0 { 3 } else { 0 }, "{arguments:?}");
        }
        let table = ledger.run(&["list"]).ok().stdout;
        assert_eq!(table.lines().count(), 6, "{table}");
    }

    async fn open_tasks_and_lost_submits_are_shown_with_dialect_and_time(ledger: Ledger) {
        assert_eq!(ledger.run(&["tasks"]).code, 3);
        let open = ledger.add(&delivered(1, "2026-01-17T01:00:00Z").ended(Class::UnknownOutcome)).await;
        let lost = ledger.add(&delivered(2, "2026-01-17T02:00:00Z").ended(Class::UnknownOutcome)).await;
        let refused = ledger.add(&delivered(3, "2026-01-17T03:00:00Z").ended(Class::ClientError)).await;
        for entry in [open, lost, refused] {
            ledger.note_submit(entry, "fal", "2026-01-17T04:00:00Z").await;
        }
        ledger.note_task(open, "fal", "req-1", "2026-01-17T04:00:02Z").await;
        let shown = ledger.run(&["tasks", "--json"]).ok();
        let lines = shown.lines();
        assert_eq!(lines.len(), 2, "{shown:?}");
        assert_eq!((&lines[0]["task"], &lines[1]["task"]), (&"req-1".into(), &serde_json::Value::Null));
        for (line, operation) in lines.iter().zip(["1", "2"]) {
            assert_eq!(line["dialect"], "fal");
            assert!(line["operation"].as_str().unwrap().ends_with(operation), "{line}");
            assert!(line["submitted_at"].as_str().unwrap().starts_with("2026-01-17"), "{line}");
        }
        assert!(shown.stderr.contains("1 submits were lost"), "{shown:?}");
        let table = ledger.run(&["tasks"]).ok().stdout;
        assert_eq!(table.lines().count(), 3, "{table}");
    }

    async fn an_operation_is_shown_with_all_its_attempts(ledger: Ledger) {
        ledger.add(&delivered(7, "2026-01-17T02:00:00Z").ended(Class::Undelivered)).await;
        ledger.add_running(7, 2, "2026-01-17T03:00:00Z").await;
        ledger.add(&delivered(8, "2026-01-17T02:00:00Z")).await;
        let seven = "00000000-0000-0000-0000-000000000007";
        let shown = ledger.run(&["show", seven, "--json"]).ok().lines();
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0]["closing"]["class"], "Undelivered");
        assert!(shown[1]["closing"].is_null());
        let nothing = ledger.run(&["show", "00000000-0000-0000-0000-000000000009"]);
        assert_eq!((nothing.code, &*nothing.stdout), (3, ""));
        assert!(nothing.stderr.contains("no attempt"), "{nothing:?}");
    }
}

#[test]
fn wrong_arguments_end_with_2_and_say_which() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("none.db").display().to_string();
    for (arguments, code, says) in [
        (&["list"][..], 2, "--ledger"),
        (&["list", "--ledger", "mysql://db/spend"], 2, "SQLite"),
        (&["list", "--ledger", &ledger], 1, "there is no ledger"),
        (
            &["list", "--ledger", &ledger, "--month", "January"],
            2,
            "`month`",
        ),
        (
            &["list", "--ledger", &ledger, "--time-zone", "Mars"],
            2,
            "time zone",
        ),
        (
            &["list", "--ledger", &ledger, "--class", "Lucky"],
            2,
            "one of",
        ),
        (&["show", "--ledger", &ledger, "17"], 2, "17"),
        (
            &[
                "list",
                "--ledger",
                &ledger,
                "--from",
                "2026-02-01",
                "--until",
                "2026-01-01",
            ],
            2,
            "after",
        ),
    ] {
        let run = Run::of(program().args(arguments).output().unwrap());
        assert_eq!(
            (run.code, &*run.stdout),
            (code, ""),
            "{arguments:?}: {run:?}"
        );
        assert!(run.stderr.contains(says), "{arguments:?}: {run:?}");
    }
}
