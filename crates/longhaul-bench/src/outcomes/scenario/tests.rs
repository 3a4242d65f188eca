use std::time::Duration;

use longhaul_sim::{Fault, Resolution};

use super::{Scenario, builtin};

const HEAD: &str = "title = \"T\"\nabout = \"A\"\n";

fn refused(rest: &str) -> String {
    let error = Scenario::parse("bad", &format!("{HEAD}{rest}")).unwrap_err();
    error.to_string()
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn the_scenarios_that_come_with_it_are_sound_and_say_what_they_are() {
    for scenario in builtin().unwrap() {
        assert!(!scenario.title.is_empty(), "{}", scenario.name);
        assert!(scenario.about.ends_with('.'), "{}", scenario.name);
    }
}

#[test]
fn a_bad_file_is_refused_by_name_and_key() {
    for (rest, key) in [
        ("colour = 1", "colour"),
        ("patience = \"soon\"", "patience"),
        ("patience = \"0s\"", "patience"),
        ("mix = { k1 = 0 }", "mix"),
        ("mix = { k3 = 1 }", "k3"),
        ("[[fault]]\nshare = 0.5", "does"),
        ("[[fault]]\ndoes = \"explode\"", "explode"),
        (
            "[[fault]]\ndoes = \"overloaded\"\nshare = 1.5",
            "fault[0].share",
        ),
        (
            "[[fault]]\ndoes = \"overloaded\"\nshare = nan",
            "fault[0].share",
        ),
        ("[[fault]]\ndoes = \"overloaded\"\nevery = 2", "every"),
        (
            "[[fault]]\ndoes = \"overloaded\"\nwhen = [\"9-10\"]",
            "9-10",
        ),
        (
            "[[fault]]\ndoes = \"overloaded\"\nwhen = [\"10:00-09:00\"]",
            "ends before",
        ),
        (
            "[[fault]]\ndoes = \"overloaded\"\nwhen = [\"10:00-24:01\"]",
            "24:01",
        ),
        ("[[fault]]\ndoes = \"overloaded\"\nsizes = [\"K3\"]", "K3"),
        (
            "[[generation]]\nleast = \"1s\"\nmedian = \"2s\"\np95 = \"3s\"",
            "most",
        ),
        (
            "[[generation]]\nleast = \"1s\"\nmedian = \"2s\"\np95 = \"1s\"\nmost = \"3s\"",
            "generation[0].p95",
        ),
    ] {
        let error = refused(rest);
        assert!(error.contains("scenario bad"), "{error}");
        assert!(error.contains(key), "{key}: {error}");
    }
}

#[test]
fn rows_that_apply_together_may_not_befall_more_than_all_requests() {
    let rows = "[[fault]]\ndoes = \"silence\"\nshare = 0.7\n\
                [[fault]]\ndoes = \"overloaded\"\nshare = 0.4\nwhen = [\"09:30-10:00\"]\nsizes = [\"K4\"]";
    let error = refused(rows);
    assert!(error.contains("09:30") && error.contains("K4"), "{error}");
    let apart = rows.replace("share = 0.7", "share = 0.7\nwhen = [\"09:00-09:30\"]");
    assert!(Scenario::parse("good", &format!("{HEAD}{apart}")).is_ok());
}

#[test]
fn a_row_applies_at_its_times_on_every_day_and_to_its_sizes() {
    let text = format!(
        "{HEAD}[[fault]]\ndoes = \"quota\"\nwhen = [\"12:00-24:00\"]\nsizes = [\"K4\"]\n\
         [[generation]]\nleast = \"10s\"\nmedian = \"20s\"\np95 = \"30s\"\nmost = \"40s\"\nwhen = [\"00:00-12:00\"]"
    );
    let scenario = Scenario::parse("half", &text).unwrap();
    let mut luck = fastrand::Rng::with_seed(1);
    for day in [0, 24, 240] {
        let morning = scenario.fate(hours(day + 11), Resolution::K4, &mut luck);
        assert_eq!(morning.fault(), Fault::None);
        assert!(morning.takes().unwrap() <= Duration::from_secs(40));
        let noon = scenario.fate(hours(day + 12), Resolution::K4, &mut luck);
        assert_eq!(noon.fault(), Fault::Quota);
        assert!(noon.takes().unwrap() >= Duration::from_secs(100));
        let small = scenario.fate(hours(day + 12), Resolution::K1, &mut luck);
        assert_eq!(small.fault(), Fault::None);
    }
}

#[test]
fn an_idle_limit_spares_the_calls_that_are_done_before_it() {
    let text = format!("{HEAD}[[fault]]\ndoes = \"cut@60\"");
    let scenario = Scenario::parse("cut", &text).unwrap();
    let mut luck = fastrand::Rng::with_seed(1);
    let mut cut = 0;
    for _ in 0..1_000 {
        let fate = scenario.fate(Duration::ZERO, Resolution::K1, &mut luck);
        let long = fate.takes().unwrap() > Duration::from_secs(60);
        assert_eq!(fate.fault() != Fault::None, long);
        cut += usize::from(long);
    }
    // P50 is 45 s and P95 90 s: a third is between them and above 60 s.
    assert!((250..450).contains(&cut), "{cut}");
}
