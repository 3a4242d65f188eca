use http::Extensions;
use tokio::time::advance;

use super::*;

const SCALE: TimeScale = TimeScale(1.0);
const HOUR: Duration = Duration::from_secs(3600);

struct Host {
    history: RouteHistory,
    id: RouteId,
}

impl Host {
    fn new(history: &RouteHistory, uri: &str) -> Self {
        Self {
            history: history.clone(),
            id: RouteId::of(&uri.parse().unwrap(), &Extensions::new()),
        }
    }

    fn note(&self, size: Resolution, silence: f64, how: How, count: usize) {
        for _ in 0..count {
            let at = Instant::now();
            let ending = SilenceEnding { at, silence, how };
            self.history.note(&self.id, size, ending, SCALE);
        }
    }

    /// The one that was let go to see ends so.
    fn end_probe(&self, silence: f64, how: How) {
        self.note(Resolution::K4, silence, how, 1);
        self.history.end_probe(&self.id);
    }

    fn passage(&self, size: Resolution, worth: f64) -> Passage {
        self.history.passage(&self.id, size, worth, SCALE)
    }

    /// A host that cuts every call at 60 s: no 4K picture comes from there.
    fn cutting(history: &RouteHistory) -> Self {
        let host = Self::new(history, "https://a.example");
        host.note(Resolution::K4, 60.1, How::Cut, 10);
        host
    }
}

fn is_closed(passage: Passage) -> bool {
    matches!(passage, Passage::Closed(_))
}

#[tokio::test(start_paused = true)]
async fn one_hosts_cuts_are_not_held_against_another() {
    let history = RouteHistory::new();
    let host = Host::cutting(&history);
    assert!(is_closed(host.passage(Resolution::K4, 5.0)));
    let other = Host::new(&history, "https://b.example");
    assert_eq!(other.passage(Resolution::K4, 5.0), Passage::Open);
    let port = Host::new(&history, "https://a.example:8443");
    assert_eq!(port.passage(Resolution::K4, 5.0), Passage::Open);
    let mut by_proxy = Extensions::new();
    by_proxy.insert(OutboundProxy::new("squid"));
    let proxied = RouteId::of(&"https://a.example".parse().unwrap(), &by_proxy);
    assert_ne!(proxied, host.id);
    let secret = Host::new(&history, "https://user:word@A.example");
    assert_eq!(secret.id, host.id, "no password is kept");
}

#[tokio::test(start_paused = true)]
async fn worth_decides_and_infinite_worth_lets_all_go() {
    let history = RouteHistory::new();
    let host = Host::new(&history, "https://a.example");
    host.note(Resolution::K2, 55.0, How::Picture, 16);
    host.note(Resolution::K2, 60.1, How::Cut, 48);
    // A quarter is done before the cut, with the doubt about a third.
    for (worth, goes) in [
        (1.0, false),
        (2.0, false),
        (5.0, true),
        (f64::INFINITY, true),
    ] {
        let passage = host.passage(Resolution::K2, worth);
        assert_eq!(matches!(passage, Passage::Worth(_)), goes, "{worth}");
    }
}

#[tokio::test(start_paused = true)]
async fn infinite_worth_goes_where_no_chance_is_left() {
    let host = Host::cutting(&RouteHistory::new());
    let passage = host.passage(Resolution::K4, f64::INFINITY);
    assert!(matches!(passage, Passage::Worth(odds) if odds.chance == 0.0));
}

#[tokio::test(start_paused = true)]
async fn a_size_is_refused_only_after_ten_calls_of_its_own() {
    let history = RouteHistory::new();
    let host = Host::new(&history, "https://a.example");
    host.note(Resolution::K2, 60.1, How::Cut, 20);
    assert_eq!(host.passage(Resolution::K4, 5.0), Passage::Open);
    host.note(Resolution::K4, 60.1, How::Cut, 9);
    assert_eq!(host.passage(Resolution::K4, 5.0), Passage::Open);
    host.note(Resolution::K4, 60.1, How::Cut, 1);
    assert!(is_closed(host.passage(Resolution::K4, 5.0)));
}

#[tokio::test(start_paused = true)]
async fn after_an_hour_without_any_one_is_let_go_to_see() {
    let history = RouteHistory::new();
    let host = Host::cutting(&history);
    advance(HOUR - Duration::from_secs(1)).await;
    assert!(is_closed(host.passage(Resolution::K4, 5.0)));
    advance(Duration::from_secs(1)).await;
    assert!(matches!(
        host.passage(Resolution::K4, 5.0),
        Passage::Probe(_)
    ));
    host.history.begin_probe(&host.id);
    assert!(
        is_closed(host.passage(Resolution::K4, 5.0)),
        "one at a time"
    );
    assert_eq!(history.routes()[0].cuts[0].next_probe, None);

    // It is cut: the next in an hour.
    host.end_probe(60.1, How::Cut);
    assert!(is_closed(host.passage(Resolution::K4, 5.0)));
    advance(HOUR).await;
    host.history.begin_probe(&host.id);
    // It came through: the next at once.
    host.end_probe(130.0, How::Picture);
    assert!(matches!(
        host.passage(Resolution::K4, 5.0),
        Passage::Probe(_)
    ));
    // One that shows nothing gives its turn to the next.
    host.history.begin_probe(&host.id);
    host.end_probe(0.2, How::Longer);
    assert!(matches!(
        host.passage(Resolution::K4, 5.0),
        Passage::Probe(_)
    ));
    // A handful that come through, and the route is open again.
    host.note(Resolution::K4, 130.0, How::Picture, 6);
    assert!(matches!(
        host.passage(Resolution::K4, 5.0),
        Passage::Worth(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn what_comes_so_far_is_the_probe() {
    let history = RouteHistory::new();
    let host = Host::cutting(&history);
    for _ in 0..3 {
        advance(HOUR / 2).await;
        host.note(Resolution::K1, 60.0, How::Cut, 1);
        assert!(is_closed(host.passage(Resolution::K4, 5.0)));
    }
}

#[tokio::test(start_paused = true)]
async fn many_small_pictures_do_not_wash_out_the_large_ones() {
    let history = RouteHistory::new();
    let host = Host::cutting(&history);
    host.note(Resolution::K1, 45.0, How::Picture, 500);
    assert!(is_closed(host.passage(Resolution::K4, 5.0)));
}

#[tokio::test(start_paused = true)]
async fn a_day_later_it_is_forgotten() {
    let history = RouteHistory::new();
    let host = Host::cutting(&history);
    advance(24 * HOUR + Duration::from_secs(1)).await;
    assert_eq!(host.passage(Resolution::K4, 5.0), Passage::Open);
}

#[tokio::test(start_paused = true)]
async fn what_is_shown_is_no_older_than_a_day() {
    let history = RouteHistory::new();
    let _host = Host::cutting(&history);
    advance(24 * HOUR + Duration::from_secs(1)).await;
    let routes = history.routes();
    assert_eq!(routes[0].cuts, []);
    assert!(routes[0].chances.contains(&(Resolution::K4, 1.0)));
}

#[tokio::test(start_paused = true)]
async fn it_shows_what_it_knows_and_can_be_cleared() {
    let history = RouteHistory::new();
    let host = Host::cutting(&history);
    let routes = history.routes();
    assert_eq!(routes[0].host, "a.example");
    assert_eq!(routes[0].cuts[0].silence, Duration::from_secs_f64(60.1));
    assert_eq!(routes[0].cuts[0].share, 1.0);
    assert_eq!(routes[0].cuts[0].next_probe, Some(Instant::now() + HOUR));
    assert!(routes[0].chances.contains(&(Resolution::K4, 0.0)));
    history.clear();
    assert!(history.routes().is_empty());
    assert_eq!(host.passage(Resolution::K4, 5.0), Passage::Open);
}

#[tokio::test(start_paused = true)]
async fn routes_are_bounded_and_the_oldest_is_forgotten() {
    let history = RouteHistory::new();
    for n in 0..200 {
        Host::new(&history, &format!("https://{n}.example")).note(
            Resolution::K1,
            1.0,
            How::Longer,
            1,
        );
        advance(Duration::from_secs(1)).await;
    }
    let routes = history.routes();
    assert_eq!(routes.len(), ROUTES);
    assert!(routes.iter().any(|route| route.host == "199.example"));
    assert!(routes.iter().all(|route| route.host != "0.example"));
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_a_day_goes_and_the_rest_stays() {
    let history = RouteHistory::new();
    let host = Host::new(&history, "https://a.example");
    host.note(Resolution::K4, 60.1, How::Cut, 6);
    advance(12 * HOUR).await;
    host.note(Resolution::K4, 60.1, How::Cut, 6);
    assert!(is_closed(host.passage(Resolution::K4, 5.0)));
    // Six are left: the cut is known, and too few of the size have met it.
    advance(13 * HOUR).await;
    assert_eq!(host.passage(Resolution::K4, 5.0), Passage::Open);
    assert_eq!(history.routes()[0].cuts.len(), 1);
    advance(12 * HOUR).await;
    assert_eq!(host.passage(Resolution::K4, 5.0), Passage::Open);
    assert!(history.routes()[0].cuts.is_empty());
}

/// The rules that a trial of the policy refuted: each of these tests fails with one of them.
mod refuted {
    use super::*;

    /// A shaky network has silences after which it cuts, too; nearly all come past them.
    #[tokio::test(start_paused = true)]
    async fn three_cuts_without_their_share_close_a_shaky_network() {
        let history = RouteHistory::new();
        let host = Host::new(&history, "https://a.example");
        for _ in 0..6 {
            for size in [Resolution::K1, Resolution::K2, Resolution::K4] {
                host.note(size, 5.0, How::Cut, 1);
                host.note(size, 40.0, How::Cut, 1);
                host.note(size, 130.0, How::Picture, 10);
            }
        }
        assert!(!history.routes()[0].cuts.is_empty());
        for size in [Resolution::K1, Resolution::K2, Resolution::K4] {
            let passage = host.passage(size, 5.0);
            assert!(!is_closed(passage), "{size}: {passage:?}");
        }
    }

    /// Behind two rare resets stands a cut that nothing passes.
    #[tokio::test(start_paused = true)]
    async fn the_shortest_cut_alone_pays_for_what_a_later_one_ends() {
        let history = RouteHistory::new();
        let host = Host::new(&history, "https://a.example");
        for _ in 0..3 {
            host.note(Resolution::K4, 5.0, How::Cut, 1);
            host.note(Resolution::K4, 40.0, How::Cut, 1);
            host.note(Resolution::K4, 60.1, How::Cut, 18);
        }
        assert!(history.routes()[0].cuts.len() > 1);
        assert!(is_closed(host.passage(Resolution::K4, 5.0)));
    }

    /// The model is slower or faster here than the guide says.
    #[tokio::test(start_paused = true)]
    async fn the_guides_times_alone_are_wrong_where_the_model_differs() {
        // A quarter of 4K pictures is done after 110 s, says the guide; here none is.
        let history = RouteHistory::new();
        let host = Host::new(&history, "https://a.example");
        host.note(Resolution::K4, 110.0, How::Cut, 60);
        assert!(is_closed(host.passage(Resolution::K4, 5.0)));
        // None is done after 95 s, says the guide; here half of them are.
        let history = RouteHistory::new();
        let host = Host::new(&history, "https://a.example");
        for _ in 0..30 {
            host.note(Resolution::K4, 80.0, How::Picture, 1);
            host.note(Resolution::K4, 95.0, How::Cut, 1);
        }
        assert!(!is_closed(host.passage(Resolution::K4, 5.0)));
    }

    /// A picture that comes with this chance before the cut at 60 s is asked for as long as the route lets it: the share
    /// of 2,000 calls that were made, of each of twenty lives.
    async fn calls_made(chance: f64, worth: f64) -> Vec<f64> {
        let mut made = Vec::new();
        for seed in 0..20 {
            let mut luck = fastrand::Rng::with_seed(seed);
            let host = Host::new(&RouteHistory::new(), "https://a.example");
            let mut sent = 0;
            for _ in 0..2_000 {
                if is_closed(host.passage(Resolution::K2, worth)) {
                    continue;
                }
                sent += 1;
                if luck.f64() < chance {
                    host.note(Resolution::K2, 56.0, How::Picture, 1);
                } else {
                    host.note(Resolution::K2, 60.1, How::Cut, 1);
                }
            }
            made.push(f64::from(sent) / 2_000.0);
        }
        made
    }

    /// A threshold absorbs: once refused, a size makes no more evidence.
    #[tokio::test(start_paused = true)]
    async fn an_unlucky_beginning_does_not_refuse_a_good_size_for_good() {
        let made = calls_made(1.0 / 3.0, 5.0).await;
        assert!(made.iter().all(|share| *share == 1.0), "{made:?}");
        // And a size without a chance costs no more than it takes to know.
        let made = calls_made(0.0, 5.0).await;
        assert!(made.iter().all(|share| *share <= 0.01), "{made:?}");
    }

    /// A chance of a third is exactly what three prices pay: any doubt about it refuses the size.
    #[tokio::test(start_paused = true)]
    async fn worth_three_stands_on_the_edge_of_a_usual_chance() {
        let at_three = calls_made(0.3, 3.0).await;
        assert!(at_three.iter().any(|share| *share < 0.9), "{at_three:?}");
        let at_five = calls_made(0.3, 5.0).await;
        assert!(at_five.iter().all(|share| *share == 1.0), "{at_five:?}");
    }
}
