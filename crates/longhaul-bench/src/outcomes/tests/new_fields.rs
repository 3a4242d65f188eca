//! What the scenarios do to callers, in figures that can be calculated by hand.

use super::figures;

const A_MINUTE_EACH: &str = r#"
    mix = { k1 = 1 }
    generation = [{ least = "60s", median = "60s", p95 = "60s", most = "60s" }]
"#;

fn with(rest: &str) -> String {
    format!("{rest}\n{A_MINUTE_EACH}")
}

/// Whoever asks for a picture and leaves after a third of the time that it takes, three times, has it in the end.
#[test]
fn behind_the_gateway_a_caller_that_left_has_what_it_paid_for() {
    let leaving = with("patience = \"20s\"");
    let without = figures(&leaving, "longhaul", 30);
    assert_eq!((without.delivered, without.charged), (0, 30));
    let behind = figures(&leaving, "longhaul-gateway", 30);
    assert_eq!((behind.delivered, behind.charged), (30, 30));
    assert_eq!(behind.wasted_micros, 0);
    let seconds = behind.seconds_to_picture.unwrap();
    assert_eq!(seconds.p50.round(), 60.0);
}

/// Ten places: the third ten of thirty callers at once wait for two minutes.
#[test]
fn everybody_has_ten_places_and_no_more() {
    let crowd = with("burst = 30");
    for policy in [
        "once",
        "guide-loop",
        "reqwest-retry",
        "openai-sdk",
        "tower-600s",
        "longhaul",
    ] {
        let figures = figures(&crowd, policy, 30);
        assert_eq!(
            (figures.delivered, figures.wasted_micros),
            (30, 0),
            "{policy}"
        );
        let seconds = figures.seconds_to_picture.unwrap();
        assert_eq!(
            (seconds.p50.round(), seconds.p95.round()),
            (120.0, 180.0),
            "{policy}"
        );
    }
}

#[test]
fn a_caller_that_leaves_its_place_is_charged() {
    let crowd = with("burst = 30\npatience = \"150s\"");
    let figures = figures(&crowd, "once", 30);
    assert_eq!((figures.delivered, figures.charged), (20, 30));
}

#[test]
fn a_stream_is_a_picture_for_whoever_reads_it_to_its_end() {
    let stream = with("stream = true");
    for policy in [
        "once",
        "guide-loop",
        "guide-loop-status",
        "reqwest-retry",
        "openai-sdk",
        "tower-600s",
    ] {
        let figures = figures(&stream, policy, 3);
        assert_eq!((figures.delivered, figures.charged), (3, 3), "{policy}");
    }
}

#[test]
fn whoever_waits_for_the_last_chunk_pays_again() {
    let unended = with("fault = [{ does = \"unended\" }]");
    for (policy, charged, delivered) in [
        ("once", 1, 0),
        ("guide-loop", 3, 0),
        ("openai-sdk", 3, 0),
        ("reqwest-retry", 1, 0),
        ("longhaul", 1, 1),
    ] {
        let figures = figures(&unended, policy, 1);
        assert_eq!(
            (figures.charged, figures.delivered),
            (charged, delivered),
            "{policy}"
        );
    }
}

#[test]
fn the_mended_loop_repeats_an_overload_and_not_a_401() {
    for (fault, attempts) in [
        ("overloaded", 3),
        ("quota", 3),
        ("server-error", 3),
        ("unauthorized", 1),
        ("cut@30", 3),
    ] {
        let rest = with(&format!("fault = [{{ does = \"{fault}\" }}]"));
        let figures = figures(&rest, "guide-loop-status", 1);
        assert_eq!(
            (figures.attempts, figures.delivered),
            (attempts, 0),
            "{fault}"
        );
    }
}

#[test]
fn callers_leave_when_they_said_they_would() {
    let leaving = with("patience = \"90s\"\nleast_patience = \"30s\"\nsays_patience = true");
    let figures = figures(&leaving, "once", 400);
    assert!(
        (150..250).contains(&figures.delivered),
        "{}",
        figures.delivered
    );
    assert_eq!(figures.charged, 400);
}
