//! Clocks that jump: a machine that slept, and a time of day that is set.

use http::HeaderMap;
use tokio::time::advance;

use super::{script::Say, stacked::*, *};
use crate::model::{retry_after_in_headers, wall_clock, wall_clock_ahead};

const HOUR: Duration = Duration::from_secs(3_600);

/// Lets `call` run for so long, and then the machine sleeps for so long.
async fn sleeping<T>(call: impl Future<Output = T>, awake: u64, asleep: Duration) -> T {
    let mut call = std::pin::pin!(call);
    let awake = tokio::time::timeout(Duration::from_secs(awake), call.as_mut()).await;
    assert!(awake.is_err(), "it takes longer");
    advance(asleep).await;
    call.await
}

fn date(in_seconds: u64) -> String {
    httpdate::fmt_http_date(wall_clock() + Duration::from_secs(in_seconds))
}

/// A provider that is busy until a date that it tells once, 60 s from now.
async fn told(set_on: i64) -> Vec<Duration> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let (into, began) = (times.clone(), Instant::now());
    let busy = service_fn(move |_: Request<Full<Bytes>>| {
        let mut times = into.lock().unwrap();
        times.push(began.elapsed());
        let response = match times.len() {
            1 => Response::builder()
                .status(429)
                .header("retry-after", date(60)),
            _ => Response::builder(),
        };
        std::future::ready(Ok::<_, BoxError>(
            response.body(Full::<Bytes>::default()).unwrap(),
        ))
    });
    let client = ClassifyingRetryLayer::new(exact()).unwrap().layer(busy);
    let call = client.oneshot(request());
    let set = async {
        sleep(10 * SECOND).await;
        wall_clock_ahead(set_on);
    };
    let (answered, ()) = tokio::join!(call, set);
    wall_clock_ahead(-set_on);
    assert_eq!(answered.unwrap().status(), 200);
    let times = times.lock().unwrap();
    times.clone()
}

#[tokio::test(start_paused = true)]
async fn a_told_date_is_a_wait_from_when_it_was_read() {
    for set_on in [0, -3_600, 3_600, -86_400] {
        let times = told(set_on).await;
        // Dates have whole seconds.
        assert_eq!(times.len(), 2);
        assert!(
            (59..=60).contains(&times[1].as_secs()),
            "{set_on}: {times:?}"
        );
    }
}

#[test]
fn a_told_date_goes_by_the_servers_own_clock() {
    let mut headers = HeaderMap::new();
    headers.insert("date", date(0).parse().unwrap());
    headers.insert("retry-after", date(90).parse().unwrap());
    for set_on in [-3_600, 3_600] {
        wall_clock_ahead(set_on);
        assert_eq!(retry_after_in_headers(&headers), Some(90 * SECOND));
        wall_clock_ahead(-set_on);
    }
    // Without it by ours, which may be wrong: a date that has passed asks for nothing.
    headers.remove("date");
    wall_clock_ahead(3_600);
    assert_eq!(retry_after_in_headers(&headers), Some(Duration::ZERO));
    wall_clock_ahead(-3_600);
}

#[tokio::test(start_paused = true)]
async fn a_picture_that_came_while_the_machine_slept_is_delivered() {
    let stack = stack_of(|_| ());
    let (client, sent) = client(&stack, |_, _| Say::picture(150));
    let answered = sleeping(client.oneshot(of("caller")), 100, HOUR).await;
    assert_eq!(answered.unwrap().status(), 200);
    assert_eq!(times(&sent, "caller"), [0]);
    assert_eq!(stack.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_slept_past_its_deadline_ends_and_pays_no_more() {
    let stack = stack_of(|_| ());
    let (client, sent) = client(&stack, |_, _| SILENT);
    let answered = sleeping(client.oneshot(of("caller")), 100, HOUR).await;
    let error = answered.unwrap_err();
    assert_eq!(error.class(), Class::UnknownOutcome);
    assert_eq!(error.report().unwrap().stopped_by(), StoppedBy::Deadline);
    assert_eq!(times(&sent, "caller"), [0]);
    assert_eq!(stack.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_attempt_that_slept_is_followed_once() {
    let stack = stack_of(|_| ());
    let (client, sent) = client(&stack, |_, number| match number {
        1 => SILENT,
        _ => Say::picture(100),
    });
    let call = client.oneshot(of("caller"));
    let answered = sleeping(call, 100, 700 * SECOND).await;
    assert_eq!(answered.unwrap().status(), 200);
    // Late and silent for longest at once, when the machine wakes.
    assert_eq!(times(&sent, "caller"), [0, 805]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_slept_through_is_over_and_the_next_is_whole() {
    let stack = stack_of(|_| ());
    let (client, sent) = client(&stack, |_, number| match number {
        1 | 2 => Say::status(0, 503),
        _ => Say::picture(100),
    });
    let call = client.oneshot(of("caller"));
    let answered = sleeping(call, 5, 600 * SECOND).await;
    assert_eq!(answered.unwrap().status(), 200);
    assert_eq!(times(&sent, "caller"), [0, 605, 635]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_slept_in_the_queue_is_not_begun_too_late() {
    let stack = stack_of(|policy| policy.in_flight.max_per_host = 1);
    let (client, sent) = client(&stack, |_, _| Say::picture(150));
    let holder = tokio::spawn(client.clone().oneshot(of("holder")));
    sleep(SECOND).await;
    let mut late = of("caller");
    late.extensions_mut().insert(Deadline::after(HOUR / 2));
    let answered = sleeping(client.oneshot(late), 10, HOUR).await;
    assert_eq!(answered.unwrap_err().class(), Class::NotBegun);
    assert_eq!(holder.await.unwrap().unwrap().status(), 200);
    assert!(times(&sent, "caller").is_empty());
    assert_eq!(stack.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_day_a_route_that_cut_is_asked_again() {
    let stack = stack_of(|_| ());
    let (client, sent) = client(&stack, |_, _| Say::broken(60));
    for _ in 0..5 {
        let _ = client.clone().oneshot(of("caller")).await;
    }
    assert_eq!(times(&sent, "caller").len(), 10, "then it is known");
    sleep(HOUR / 2).await;
    let error = client.clone().oneshot(of("soon")).await.unwrap_err();
    assert_eq!(error.class(), Class::NotBegun);
    sleep(24 * HOUR).await;
    let _ = client.oneshot(of("later")).await;
    assert_eq!(times(&sent, "later").len(), 3);
}
