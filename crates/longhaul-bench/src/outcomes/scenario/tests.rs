use std::time::Duration;

use longhaul_sim::{Fault, Resolution};

use super::{Scenario, builtin};

const HEAD: &str = "title = \"T\"\nabout = \"A\"\n";

fn refused(rest: &str) -> String {
    let error = Scenario::parse("bad", &format!("{HEAD}{rest}")).unwrap_err();
    error.to_string()
}

/// An episode with these keys instead of sound ones.
fn episode(keys: &str) -> String {
    let sound = ["begins = [\"09:00\"]", "lasts = \"10m\"", "share = 0.9"];
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    let given: Vec<_> = keys.lines().map(name).collect();
    let rest = sound.iter().filter(|line| !given.contains(&name(line)));
    rest.fold(format!("[[episode]]\n{keys}"), |text, line| {
        format!("{text}\n{line}")
    })
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn the_builtin_scenarios_are_sound_and_say_what_they_are() {
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
        (
            "patience = \"9s\"\nleast_patience = \"10s\"",
            "least_patience",
        ),
        ("burst = 0", "burst"),
        ("pace = 0.0", "pace"),
        ("costs_more = \"\"", "costs_more"),
        ("mix = { k1 = 0 }", "mix"),
        (&episode("begins = [\"24:10\"]"), "24:10"),
        (&episode("begins = []"), "episode[0].begins"),
        (
            &episode("begins = [\"09:00\"]\nlasts = \"0s\""),
            "episode[0].lasts",
        ),
        (
            &episode("begins = [\"09:00\"]\nshare = 1.5"),
            "episode[0].share",
        ),
        (
            &episode("begins = [\"09:00\"]\ntold = 0.5"),
            "episode[0].wait",
        ),
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
fn rows_together_may_not_befall_more_than_all_requests() {
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
        let morning = scenario.fate(
            hours(day + 11),
            Resolution::K4,
            &mut luck,
            &mut scenario.course(),
        );
        assert_eq!(morning.fault(), Fault::None);
        assert!(morning.takes().unwrap() <= Duration::from_secs(40));
        let noon = scenario.fate(
            hours(day + 12),
            Resolution::K4,
            &mut luck,
            &mut scenario.course(),
        );
        assert_eq!(noon.fault(), Fault::Quota);
        assert!(noon.takes().unwrap() >= Duration::from_secs(100));
        let small = scenario.fate(
            hours(day + 12),
            Resolution::K1,
            &mut luck,
            &mut scenario.course(),
        );
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
        let fate = scenario.fate(
            Duration::ZERO,
            Resolution::K1,
            &mut luck,
            &mut scenario.course(),
        );
        let long = fate.takes().unwrap() > Duration::from_secs(60);
        assert_eq!(fate.fault() != Fault::None, long);
        cut += usize::from(long);
    }
    // P50 is 45 s and P95 90 s: a third is between them and above 60 s.
    assert!((250..450).contains(&cut), "{cut}");
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[test]
fn an_episode_has_a_length_and_lasts_longer_when_it_is_hammered() {
    let text = format!(
        "{HEAD}[[episode]]\nbegins = [\"23:55\"]\nlasts = \"10m\"\nlengthened = \"1s\"\nmost = \"12m\"\nshare = 1.0\n\
         told = 0.5\nwait = \"45s\""
    );
    let scenario = Scenario::parse("overload", &text).unwrap();
    let mut luck = fastrand::Rng::with_seed(1);
    let mut told = 0;
    let mut refused = |course: &mut super::Course, at| {
        let fault = scenario.fate(at, Resolution::K1, &mut luck, course).fault();
        told += usize::from(matches!(fault, Fault::OverloadedFor { .. }));
        fault != Fault::None
    };
    let begins = hours(23) + minutes(55);

    // Beyond midnight, and on the second day as on the first.
    let course = &mut scenario.course();
    for day in [Duration::ZERO, hours(24)] {
        assert!(!refused(course, day + begins - minutes(1)));
        assert!(refused(course, day + begins));
        assert!(refused(course, day + begins + minutes(9)));
        // Two refusals have made it two seconds longer.
        assert!(refused(
            course,
            day + begins + minutes(10) + Duration::from_secs(1)
        ));
        assert!(!refused(
            course,
            day + begins + minutes(10) + Duration::from_secs(4)
        ));
    }
    // However hard it is hammered, it ends.
    let course = &mut scenario.course();
    for second in 0..600 {
        assert!(refused(course, begins + Duration::from_secs(second)));
    }
    assert!(refused(
        course,
        begins + minutes(12) - Duration::from_secs(1)
    ));
    assert!(!refused(course, begins + minutes(12)));
    assert!((250..350).contains(&told), "{told}");
}

#[test]
fn the_work_takes_as_much_longer_as_the_pace_says() {
    let at_pace = |pace: &str| {
        let scenario = Scenario::parse("pace", &format!("{HEAD}{pace}")).unwrap();
        let mut luck = fastrand::Rng::with_seed(1);
        let fate = scenario.fate(
            Duration::ZERO,
            Resolution::K4,
            &mut luck,
            &mut scenario.course(),
        );
        fate.takes().unwrap().as_secs_f64()
    };
    let ratio = at_pace("pace = 1.5") / at_pace("");
    assert!((ratio - 1.5).abs() < 1e-6, "{ratio}");
}
