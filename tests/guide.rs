//! Every number of the Nano Banana Pro timeout guide is in the default policy: its tables, row by row.

use std::time::Duration;

use longhaul::{
    Class, End, Resolution, Workload,
    policy::Policy,
    retry::{RetryDecision, Situation},
    timeout::Network,
};

fn head(policy: &Policy, resolution: Resolution) -> u64 {
    policy
        .timeout
        .picture_for(&Workload::of(resolution))
        .as_secs()
}

#[test]
fn timeouts_by_resolution() {
    let policy = Policy::nano_banana_pro();
    // resolution, recommended timeout, P50, P95, P99
    for (row, resolution, timeout, quantiles) in [
        (
            "1K (1024×1024)",
            Resolution::of_pixels(1024, 1024),
            300,
            Some([45, 90, 150]),
        ),
        (
            "2K (2048×2048)",
            Resolution::of_pixels(2048, 2048),
            300,
            Some([65, 120, 180]),
        ),
        (
            "4K (4096×4096)",
            Resolution::of_pixels(4096, 4096),
            600,
            Some([120, 170, 250]),
        ),
        ("size not known", Resolution::Unknown, 600, None),
    ] {
        assert_eq!(head(&policy, resolution), timeout, "{row}");
        let known = resolution
            .generation_quantiles()
            .map(|quantiles| quantiles.map(|quantile| quantile.as_secs()));
        assert_eq!(known, quantiles, "{row}");
    }
}

/// The row “extreme (peaks, shaky network)” is this table's last.
#[test]
fn timeouts_by_network() {
    for (row, network, timeout) in [
        ("stable intranet, data centre", Network::DataCentre, 300),
        ("home broadband, mobile", Network::Broadband, 600),
        ("cross-border, VPN", Network::CrossBorder, 600),
        ("peak hours", Network::PeakHours, 600),
    ] {
        let mut policy = Policy::nano_banana_pro();
        policy.timeout.network = Some(network);
        assert_eq!(head(&policy, Resolution::K1), timeout, "{row}");
        // The larger of the size row and the network row, where the guide's two tables differ.
        assert_eq!(head(&policy, Resolution::K4), 600, "{row}");
    }
}

#[test]
fn timeouts_by_phase() {
    let policy = Policy::nano_banana_pro();
    let client = longhaul_hyper::Settings::default();
    for (row, limit, seconds) in [
        ("connect", client.connect_timeout, 10),
        ("read", policy.timeout.picture.unknown, 600),
        ("write", policy.timeout.write_progress, 30),
        ("pool", policy.in_flight.queue_timeout, 10),
    ] {
        assert_eq!(limit.as_secs(), seconds, "{row}");
    }
    assert_eq!(policy.in_flight.max_per_host, 10, "connections");
    assert_eq!(client.pool_max_idle_per_host, 5, "kept alive");
}

/// What the guide's retry loop does after each attempt, and its table of errors.
#[test]
fn retries() {
    let mut policy = Policy::nano_banana_pro().retry;
    policy.schedule.jitter = 0.0;
    assert_eq!(policy.paid_attempts, 3);

    let (timed_out, failed, answered) = (End::TimedOut, End::Failed, End::Finished);
    for (row, attempt, end, class, wait) in [
        (
            "timeout, first attempt",
            1,
            timed_out,
            Class::UnknownOutcome,
            Some(5),
        ),
        (
            "timeout, second attempt",
            2,
            timed_out,
            Class::UnknownOutcome,
            Some(10),
        ),
        (
            "timeout, third attempt",
            3,
            timed_out,
            Class::UnknownOutcome,
            None,
        ),
        (
            "network error, first attempt",
            1,
            failed,
            Class::UnknownOutcome,
            Some(5),
        ),
        (
            "network error, second attempt",
            2,
            failed,
            Class::UnknownOutcome,
            Some(5),
        ),
        (
            "network error, third attempt",
            3,
            failed,
            Class::UnknownOutcome,
            None,
        ),
        (
            "overload, 503 or 429: yes, after waiting",
            1,
            answered,
            Class::Overloaded,
            Some(15),
        ),
        (
            "unavailable, 503: yes, after waiting",
            1,
            answered,
            Class::Unavailable,
            Some(15),
        ),
        (
            "authentication, 401: no",
            1,
            answered,
            Class::ClientError,
            None,
        ),
    ] {
        let mut situation = Situation::new(end, class);
        situation.paid = attempt;
        let decided = match policy.decision(&situation) {
            RetryDecision::Again { wait, .. } => Some(wait.as_secs()),
            _ => None,
        };
        assert_eq!(decided, wait, "{row}");
    }
}

#[test]
fn compensation() {
    let claims = Policy::nano_banana_pro().billing.claims;
    assert_eq!(claims.over, Some(Duration::from_secs(180)));
}
