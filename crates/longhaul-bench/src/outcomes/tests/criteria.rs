//! The three criteria, with figures made up.

use super::{figures, scenario};
use crate::outcomes::{
    check,
    criteria::{Judgement, Noise},
    figures::Figures,
    policies::{self, Policy},
    scenario::{Scenario, builtin},
    table::Plan,
};

/// Of ten thousand pictures for a dime each.
fn delivering(delivered: usize, wasted_dollars: f64) -> Figures {
    let wasted_micros = (wasted_dollars * 1e6) as u64 * delivered as u64;
    Figures {
        operations: 10_000,
        delivered,
        charged_micros: delivered as u64 * 100_000 + wasted_micros,
        wasted_micros,
        ..figures("", "once", 0)
    }
}

/// Which criteria ours breaks beside these peers.
fn broken(scenario: &Scenario, ours: &Figures, peers: &[Figures]) -> Vec<usize> {
    let names = policies::ALL.iter().filter(|policy| !policy.is_ours());
    let row: Vec<(&'static Policy, &Figures)> = names.zip(peers).collect();
    let judgement = Judgement::of(scenario, ours, row.into_iter());
    let broken: Vec<_> = judgement.broken().map(|(number, _)| number).collect();
    assert_eq!(judgement.kept(), broken.is_empty());
    broken
}

#[test]
fn nobody_may_deliver_as_many_pictures_at_less_waste() {
    let any = scenario("");
    let ours = delivering(9_000, 0.10);
    let broken = |peer| broken(&any, &ours, &[peer]);
    assert_eq!(broken(delivering(9_000, 0.10)), [0; 0]);
    // Half a cent and 0.3 points are noise.
    assert_eq!(broken(delivering(9_000, 0.096)), [0; 0]);
    assert_eq!(broken(delivering(9_000, 0.094)), [1, 3]);
    assert_eq!(broken(delivering(8_971, 0.094)), [1, 3]);
    // Fewer pictures are no reproach by the first criterion.
    assert_eq!(broken(delivering(8_969, 0.094)), [3]);
}

#[test]
fn what_only_a_peer_delivers_must_have_cost_it_too_much() {
    let any = scenario("");
    let ours = delivering(9_000, 0.0);
    // A hundred pictures more, for four and for six prices each.
    let peer = |prices: f64| {
        let mut peer = delivering(9_100, 0.0);
        peer.wasted_micros = ((prices - 1.0) * 100.0 * 1e5) as u64;
        peer.charged_micros += peer.wasted_micros;
        peer
    };
    assert_eq!(broken(&any, &ours, &[peer(4.0)]), [2]);
    assert_eq!(broken(&any, &ours, &[peer(6.0)]), [0; 0]);
    assert_eq!(broken(&any, &ours, &[peer(6.0), peer(4.0)]), [2]);
}

#[test]
fn only_peers_that_deliver_are_an_example_of_thrift() {
    let any = scenario("");
    let ours = delivering(9_000, 0.10);
    let best = delivering(9_000, 0.20);
    let broken = |scenario, frugal| broken(scenario, &ours, &[best.clone(), frugal]);
    assert_eq!(broken(&any, delivering(3_000, 0.0)), [3]);
    assert_eq!(broken(&any, delivering(2_999, 0.0)), [0; 0]);
    let exempt = scenario("costs_more = \"Because.\"");
    assert_eq!(broken(&exempt, delivering(3_000, 0.0)), [0; 0]);
}

#[test]
fn who_pays_and_delivers_nothing_is_no_example_and_no_excuse() {
    let any = scenario("");
    let nothing = Figures {
        charged_micros: 1_000_000,
        wasted_micros: 1_000_000,
        ..delivering(0, 0.0)
    };
    assert!(nothing.wasted_per_picture().is_infinite());
    assert_eq!(
        broken(
            &any,
            &delivering(9_000, 0.1),
            std::slice::from_ref(&nothing)
        ),
        [0; 0]
    );
    assert_eq!(broken(&any, &nothing, &[delivering(9_000, 0.1)]), [1, 2, 3]);
    assert_eq!(broken(&any, &nothing, &[delivering(0, 0.0)]), [1]);
}

#[test]
fn a_small_run_is_judged_less_sharply_a_large_one_never_more() {
    let [small, ten_thousand, large] = [400, 10_000, 1_000_000].map(Noise::of);
    assert_eq!((ten_thousand.points, ten_thousand.dollars), (0.3, 0.005));
    assert_eq!((large.points, large.dollars), (0.3, 0.005));
    assert_eq!((small.points, small.dollars), (1.5, 0.025));
}

/// Whatever the default is, it cannot bring a picture where it is refused, and this variant may not try.
#[test]
fn the_check_fails_by_name_and_only_where_there_is_an_aim() {
    let checked = |rest: &str, names: &[&str]| {
        let plan = Plan {
            seed: 1,
            seeds: 1,
            operations: 4,
            scenarios: vec![scenario(rest)],
            policies: policies::all()
                .filter(|policy| names.contains(&policy.name))
                .collect(),
        };
        check::order(&plan.play().unwrap()).map_err(|error| error.to_string())
    };
    assert_eq!(checked("", &["once", "longhaul"]), Ok(()));
    for (rest, names) in [
        ("", &["longhaul"][..]),
        ("", &["once", "tower"]),
        ("aim = false", &["once", "longhaul"]),
    ] {
        let error = checked(rest, names).unwrap_err();
        assert!(
            error.contains("--check needs the policy longhaul"),
            "{error}"
        );
    }
}

#[test]
fn ours_is_left_out_of_no_scenario_and_few_have_no_aim() {
    let without: Vec<_> = builtin()
        .unwrap()
        .into_iter()
        .filter(|scenario| !scenario.aim)
        .collect();
    let names: Vec<_> = without.iter().map(|scenario| &*scenario.name).collect();
    assert_eq!(names, ["4k-mended"]);
}
