//! How long each phase may take, by size, network and policy.

use super::*;
use crate::policy::Policy;

/// The rows of the guide's table of timeouts by resolution, the row of an unknown size among them.
#[tokio::test(start_paused = true)]
async fn the_head_may_take_as_long_as_its_resolution_allows() {
    for (resolution, limit) in [
        (Resolution::K1, 300),
        (Resolution::K2, 300),
        (Resolution::K4, 600),
        (Resolution::Unknown, 600),
    ] {
        let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
            send(request.into_body()).await;
            pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
        });
        let began = Instant::now();
        let error = call(silent, request(Full::from("{}"), resolution))
            .await
            .unwrap_err();
        assert_eq!(began.elapsed().as_secs(), limit, "{resolution}");
        assert_eq!(clock_of(&error), Clock::Picture);
        assert_eq!(error.phase(), Some(Phase::Head));
        assert_eq!(error.class(), Class::UnknownOutcome);
    }
}

/// The rows of the guide's table of timeouts by network, each against a small and a large picture: the
/// longer row counts.
#[test]
fn the_longer_of_size_row_and_network_row_counts() {
    for (network, k1, k4) in [
        (None, 300, 600),
        (Some(Network::DataCentre), 300, 600),
        (Some(Network::Broadband), 600, 600),
        (Some(Network::CrossBorder), 600, 600),
        (Some(Network::PeakHours), 600, 600),
    ] {
        let limits = TimeoutPolicy {
            network,
            ..TimeoutPolicy::default()
        };
        let head = |resolution| limits.picture_for(&Workload::of(resolution)).as_secs();
        assert_eq!(head(Resolution::K1), k1, "{network:?}");
        assert_eq!(head(Resolution::K2), k1, "{network:?}");
        assert_eq!(head(Resolution::K4), k4, "{network:?}");
        assert_eq!(head(Resolution::Unknown), k4, "{network:?}");
    }
}

/// What is added to the head is off by default, so that the guide's table stays as it is.
#[test]
fn references_images_and_quality_lengthen_the_limit_if_set() {
    let large = Workload::of(Resolution::K4)
        .with_references(14)
        .with_images(4)
        .with_quality(Quality::High);
    assert_eq!(TimeoutPolicy::default().picture_for(&large), 600 * SECOND);

    let limits = TimeoutPolicy {
        per_reference: 10 * SECOND,
        per_extra_image: 60 * SECOND,
        high_quality: 120 * SECOND,
        ..TimeoutPolicy::default()
    };
    limits.validate().unwrap();
    let plain = || Workload::of(Resolution::K1);
    for (workload, seconds) in [
        (plain(), 300),
        (plain().with_references(1), 310),
        (plain().with_images(0), 300),
        (plain().with_images(3), 300 + 2 * 60),
        (plain().with_quality(Quality::Low), 300),
        (plain().with_quality(Quality::Medium), 300),
        (plain().with_quality(Quality::High), 420),
        (large, 600 + 14 * 10 + 3 * 60 + 120),
        (Workload::default(), 600),
        (
            plain().with_references(u32::MAX).with_images(u32::MAX),
            300 + 10 * u64::from(u32::MAX) + 60 * u64::from(u32::MAX - 1),
        ),
    ] {
        let head = limits.picture_for(&workload);
        assert_eq!(head.as_secs(), seconds, "{workload:?}");
        assert_eq!(limits.timeouts(&workload).picture, Some(head));
    }

    let endless = TimeoutPolicy {
        per_reference: Duration::MAX,
        ..TimeoutPolicy::default()
    };
    let two = plain().with_references(2);
    assert_eq!(endless.picture_for(&two), Duration::MAX);

    let policy = Policy {
        timeout: limits,
        ..Policy::default()
    };
    let scaled = policy.scaled(0.01).unwrap().timeout;
    assert_eq!(scaled.per_reference.as_millis(), 100);
    assert_eq!(scaled.per_extra_image.as_millis(), 600);
    assert_eq!(scaled.high_quality.as_millis(), 1_200);
}

#[tokio::test(start_paused = true)]
async fn absurdly_many_images_wait_until_the_operations_deadline() {
    let silent = service_fn(async |request: Request<RequestBody<Full<Bytes>>>| {
        send(request.into_body()).await;
        pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
    });
    let limits = TimeoutPolicy {
        per_extra_image: 365 * 24 * 3_600 * SECOND,
        ..TimeoutPolicy::default()
    };
    let mut request = Request::new(Full::from("{}"));
    let workload = Workload::of(Resolution::K1).with_images(u32::MAX);
    request.extensions_mut().insert(workload);
    request
        .extensions_mut()
        .insert(Deadline::after(1_000 * SECOND));
    let began = Instant::now();
    let error = SizeAwareTimeoutLayer::new(limits)
        .unwrap()
        .layer(silent)
        .oneshot(request)
        .await
        .unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 1_000);
    assert_eq!(clock_of(&error), Clock::Operation);
}

#[cfg(feature = "toml")]
#[test]
fn what_is_added_to_the_head_is_read_and_written() {
    let text = "per_reference = '10s'\nper_extra_image = '1m'\nhigh_quality = '2m'";
    let limits: TimeoutPolicy = toml::from_str(text).unwrap();
    let expected = TimeoutPolicy {
        per_reference: 10 * SECOND,
        per_extra_image: 60 * SECOND,
        high_quality: 120 * SECOND,
        ..TimeoutPolicy::default()
    };
    assert_eq!(limits, expected);
    let written = toml::to_string(&limits).unwrap();
    assert_eq!(toml::from_str::<TimeoutPolicy>(&written).unwrap(), expected);
    for wrong in [
        "per_references = '1s'",
        "per_reference = 10",
        "high_quality = '-1s'",
    ] {
        assert!(toml::from_str::<TimeoutPolicy>(wrong).is_err(), "{wrong}");
    }
}

/// The guide's table of timeouts by phase that this layer keeps: write 30 s, read 600 s.
#[test]
fn the_default_clocks_are_those_of_the_guide() {
    let clocks = TimeoutPolicy::default().timeouts(&Workload::default());
    assert_eq!(clocks.start, 20 * SECOND);
    assert_eq!(clocks.write_progress, 30 * SECOND);
    assert_eq!(clocks.picture, Some(600 * SECOND));
    assert_eq!(clocks.at_limit, None);
    assert_eq!(clocks.silence, 120 * SECOND);
    assert_eq!(clocks.attempt, None);
}

/// Bad limits are refused when they are built, by name.
#[test]
fn zero_and_contradictory_limits_are_refused() {
    type Break = fn(&mut TimeoutPolicy);
    let rows: [(&str, Break); 13] = [
        ("start", |limits| limits.start = Duration::ZERO),
        ("write_progress", |limits| {
            limits.write_progress = Duration::ZERO
        }),
        ("picture.k2", |limits| limits.picture.k2 = Duration::ZERO),
        ("picture.unknown", |limits| limits.picture.unknown = SECOND),
        ("network_picture.broadband", |limits| {
            limits.network_picture.broadband = Duration::ZERO;
        }),
        ("silence", |limits| limits.silence = Duration::ZERO),
        ("start", |limits| limits.start = Duration::MAX),
        ("picture.k4", |limits| limits.picture.k4 = Duration::MAX),
        ("silence", |limits| limits.silence = Duration::MAX),
        ("per_reference", |limits| {
            limits.per_reference = Duration::MAX
        }),
        ("attempt", |limits| limits.attempt = Some(Duration::MAX)),
        ("after_timeout", |limits| {
            limits.after_timeout = Some(f64::NAN)
        }),
        ("attempt", |limits| limits.attempt = Some(599 * SECOND)),
    ];
    for (field, spoil) in rows {
        let mut limits = TimeoutPolicy::default();
        spoil(&mut limits);
        assert_eq!(limits.clone().for_request().unwrap_err().field(), field);
        assert_eq!(
            SizeAwareTimeoutLayer::new(limits).unwrap_err().field(),
            field
        );
    }
}
