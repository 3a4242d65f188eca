use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use tokio::time::{Instant, advance};

use super::{
    BreakerKey, Breakers, KEPT,
    state::{Breaker, Passing},
};
use crate::{
    fallback::policy::BreakerPolicy,
    model::{Class, Resolution},
};

#[derive(Clone, Copy, Debug)]
enum Do {
    /// Seconds pass.
    Pass(u64),
    /// Told to wait so many seconds.
    Overload(Option<u64>),
    /// A call that is no probe worked.
    Work,
    /// The probe of this name worked.
    Probed(u64),
    /// The probe of this name ended without a word.
    Released(u64),
    /// A call by this name asks, and this is the answer; a refusal with the seconds until it opens.
    Ask(u64, Expect),
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Expect {
    Pass,
    Probe,
    Refuse(Option<u64>),
}

use Do::{Ask, Overload, Pass, Probed, Released, Work};
use Expect::{Pass as Free, Probe, Refuse};

/// A breaker on a clock that stands still unless told otherwise.
struct Bench {
    breaker: Breaker,
    policy: BreakerPolicy,
    began: Instant,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            breaker: Breaker::default(),
            policy: BreakerPolicy::default(),
            began: now,
            now,
        }
    }

    fn ask(&mut self, id: u64) -> Expect {
        match self.breaker.admit(self.now, id) {
            Passing::Pass => Expect::Pass,
            Passing::Probe => Expect::Probe,
            Passing::Refuse(until) => {
                Expect::Refuse(until.map(|until| (until - self.now).as_secs()))
            }
        }
    }

    fn act(&mut self, act: Do) {
        match act {
            Do::Pass(seconds) => self.now += Duration::from_secs(seconds),
            Do::Overload(told) => {
                let told = told.map(Duration::from_secs);
                self.breaker.overloaded(self.now, told, &self.policy);
            }
            Do::Work => self.breaker.worked(None),
            Do::Probed(id) => self.breaker.worked(Some(id)),
            Do::Released(id) => self.breaker.release(id),
            Do::Ask(id, expected) => {
                let at = (self.now - self.began).as_secs();
                assert_eq!(self.ask(id), expected, "call {id} at {at} s");
            }
        }
    }
}

/// What happens after so many overloads.
type Row = (&'static str, usize, &'static [Do]);

const CLOSED: [Row; 3] = [
    ("two are not enough", 2, &[Ask(1, Free)]),
    ("three are", 3, &[Ask(1, Refuse(Some(60)))]),
    (
        "what worked in between starts anew",
        2,
        &[Work, Overload(None), Overload(None), Ask(1, Free)],
    ),
];

const OPEN: [Row; 4] = [
    (
        "the server asks for longer",
        3,
        &[Overload(Some(90)), Ask(1, Refuse(Some(90)))],
    ),
    (
        "for longer than an overload is remembered",
        3,
        &[Overload(Some(86_400)), Ask(1, Refuse(Some(300)))],
    ),
    (
        "or for less",
        3,
        &[Overload(Some(5)), Ask(1, Refuse(Some(60)))],
    ),
    (
        "old calls that work are old news",
        3,
        &[Pass(30), Work, Ask(1, Refuse(Some(30)))],
    ),
];

const PROBING: [Row; 4] = [
    (
        "it works",
        3,
        &[
            Pass(60),
            Ask(1, Probe),
            Ask(2, Refuse(None)),
            Probed(1),
            Ask(3, Free),
        ],
    ),
    (
        "it does not",
        3,
        &[
            Pass(60),
            Ask(1, Probe),
            Overload(None),
            Ask(2, Refuse(Some(60))),
        ],
    ),
    (
        "nobody knows",
        3,
        &[
            Pass(60),
            Ask(1, Probe),
            Released(1),
            Ask(2, Probe),
            Ask(3, Refuse(None)),
        ],
    ),
    (
        "a probe of long ago does not speak for the next",
        3,
        &[
            Pass(60),
            Ask(1, Probe),
            Overload(None),
            Pass(60),
            Ask(2, Probe),
            Released(1),
            Probed(1),
            Ask(3, Refuse(None)),
        ],
    ),
];

#[test]
fn transitions() {
    for (name, overloads, acts) in CLOSED.iter().chain(&OPEN).chain(&PROBING) {
        println!("{name}");
        let mut bench = Bench::new();
        for _ in 0..*overloads {
            bench.act(Overload(None));
        }
        for act in *acts {
            bench.act(*act);
        }
    }
}

#[test]
fn overloads_are_forgotten_after_the_window() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.act(Do::Overload(None));
        bench.act(Do::Pass(150));
        bench.act(Do::Ask(1, Expect::Pass));
    }
    bench.act(Do::Pass(150));
    assert!(bench.breaker.is_idle(bench.now, &bench.policy));
}

fn key(n: usize) -> BreakerKey {
    BreakerKey {
        index: 0,
        target: "a".into(),
        model: Some(n.to_string().into()),
        resolution: Resolution::K4,
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_are_kept_than_need_be() {
    let breakers = Arc::new(Breakers::new(BreakerPolicy::default()));
    let show = |n, class| breakers.admit(key(n)).unwrap().settle(&[Some(class)], None);
    for n in 0..KEPT {
        show(n, Class::Delivered);
        show(n, Class::UnknownOutcome);
    }
    assert_eq!(breakers.len(), 0, "what works needs no breaker");
    for n in 0..KEPT * 3 {
        show(n, Class::Overloaded);
        advance(Duration::from_millis(1)).await;
    }
    assert_eq!(breakers.len(), KEPT);
    show(KEPT * 3 - 1, Class::Delivered);
    assert_eq!(breakers.len(), KEPT - 1);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_switched_off() {
    let policy = BreakerPolicy {
        overloads: 0,
        ..BreakerPolicy::default()
    };
    let breakers = Arc::new(Breakers::new(policy));
    for _ in 0..10 {
        let ticket = breakers.admit(key(0)).unwrap();
        ticket.settle(&[Some(Class::Overloaded)], None);
    }
}

fn act() -> impl Strategy<Value = Do> {
    let told = prop_oneof![Just(None), (0_u64..1000).prop_map(Some)];
    prop_oneof![
        (0_u64..200).prop_map(Do::Pass),
        told.prop_map(Do::Overload),
        Just(Do::Work),
        (0_u64..40).prop_map(Do::Probed),
        (0_u64..40).prop_map(Do::Released),
    ]
}

proptest! {
    /// Whatever happens: one probe at a time; open no longer than the longest wait; and closed again only
    /// by a probe that worked.
    #[test]
    fn it_never_lets_two_probes_out_and_never_stays_open(acts in prop::collection::vec(act(), 0..60)) {
        let mut bench = Bench::new();
        let mut out: Option<u64> = None;
        for (id, act) in (0..).zip(acts) {
            match act {
                Do::Probed(it) | Do::Released(it) if Some(it) == out => out = None,
                Do::Overload(_) => out = None,
                _ => {}
            }
            bench.act(act);
            match bench.ask(id) {
                Expect::Probe => {
                    prop_assert_eq!(out, None);
                    out = Some(id);
                }
                Expect::Pass => prop_assert_eq!(out, None),
                Expect::Refuse(None) => prop_assert!(out.is_some()),
                Expect::Refuse(Some(wait)) => {
                    prop_assert_eq!(out, None);
                    prop_assert!(wait <= 300);
                }
            }
        }
        if let Some(probe) = out {
            bench.act(Do::Released(probe));
        }
        bench.act(Do::Pass(300));
        let answer = bench.ask(1000);
        prop_assert!(matches!(answer, Expect::Pass | Expect::Probe), "{:?}", answer);
    }
}

#[tokio::test(start_paused = true)]
async fn absurdly_long_windows_do_not_overflow() {
    let policy = BreakerPolicy {
        window: Duration::MAX,
        open: Duration::MAX,
        ..BreakerPolicy::default()
    };
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        breaker.overloaded(Instant::now(), Some(Duration::MAX), &policy);
    }
    breaker.worked(None);
    assert!(!breaker.is_idle(Instant::now(), &policy));
    assert!(breaker.is_open(Instant::now()));
}
