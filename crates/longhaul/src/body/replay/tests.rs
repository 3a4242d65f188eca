mod properties;

use std::task::Waker;

use super::*;
use crate::body::MemoryBudget;
use crate::error::ErrorKind;
use crate::mock::{MockBody, Step};
use http::HeaderValue;
use http_body_util::BodyExt;

const MIB: u64 = 1 << 20;

/// These pieces, pending once before each and before the end.
fn frames<T: Into<Bytes>>(pieces: impl IntoIterator<Item = T>) -> MockBody {
    let steps = pieces
        .into_iter()
        .flat_map(|piece| [Step::Pending, Step::data(piece)]);
    MockBody::new(steps).then(Step::Pending)
}

fn read<B: Body + Unpin>(body: B, limit: u64, budget: &MemoryBudget) -> Result<ReplayBody<B>, Error>
where
    B::Error: Into<BoxError>,
{
    let mut reading = ReadAhead::new(body, limit, budget);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(read) = reading.poll_read(&mut cx) {
            return read;
        }
    }
}

fn collect<B>(body: ReplayBody<B>) -> http_body_util::Collected<Bytes>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    block_on(body.collect()).expect("the body does not fail")
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn budget() -> MemoryBudget {
    MemoryBudget::new(MIB)
}

#[test]
fn a_body_in_one_piece_is_not_copied() {
    let data = Bytes::from(vec![7; 1000]);
    let body = read(Full::new(data.clone()), MIB, &budget()).unwrap();
    let again = body.try_clone().unwrap();
    for body in [body, again] {
        assert_eq!(collect(body).to_bytes().as_ptr(), data.as_ptr());
    }
}

#[test]
fn a_body_above_the_cap_streams_once_and_is_not_copied() {
    let data = Bytes::from(vec![7; 1001]);
    let body = read(Full::new(data.clone()), 1000, &budget()).unwrap();
    assert!(!body.is_replayable());
    assert!(body.try_clone().is_none());
    assert_eq!(body.size_hint().exact(), Some(1001));
    assert_eq!(collect(body).to_bytes().as_ptr(), data.as_ptr());
}

#[test]
fn a_body_that_says_it_is_too_long_is_not_gathered() {
    let frames = frames(["ab", "cd", "ef"]).hinting(SizeHint::with_exact(6));
    let budget = budget();
    let body = read(frames, 5, &budget).unwrap();
    assert_eq!(body.first_piece(), b"ab");
    assert_eq!(budget.retained(), 0);
    assert_eq!(collect(body).to_bytes(), "abcdef");
}

#[test]
fn the_cap_is_met_exactly_or_not_at_all() {
    assert!(
        read(frames(["ab", "cd"]), 4, &budget())
            .unwrap()
            .is_replayable()
    );
    assert!(
        !read(frames(["ab", "cd"]), 3, &budget())
            .unwrap()
            .is_replayable()
    );
}

#[test]
fn an_absurd_promise_of_length_allocates_nothing() {
    let frames = frames(["ab", "cd"]).hinting({
        let mut hint = SizeHint::new();
        hint.set_lower(u64::MAX - 1);
        hint
    });
    let body = read(frames, u64::MAX, &budget()).unwrap();
    assert_eq!(collect(body).to_bytes(), "abcd");
}

#[test]
fn bytes_are_given_back_with_the_last_clone() {
    let budget = budget();
    let body = read(frames(["ab", "cd"]), 10, &budget).unwrap();
    assert_eq!(budget.retained(), 4);
    let again = body.try_clone().unwrap();
    drop(body);
    assert_eq!(budget.retained(), 4);
    let data = collect(again).to_bytes();
    assert_eq!(
        budget.retained(),
        4,
        "what was sent is still held by its reader"
    );
    drop(data);
    assert_eq!(budget.retained(), 0);
}

#[test]
fn over_the_budget_of_the_client_a_body_streams_once() {
    let budget = MemoryBudget::new(5);
    let first = read(frames(["ab", "cd"]), 5, &budget).unwrap();
    let second = read(frames(["ef", "gh"]), 5, &budget).unwrap();
    assert!(first.is_replayable());
    assert!(!second.is_replayable());
    assert_eq!(collect(second).to_bytes(), "efgh");
    drop(first);
    assert_eq!(budget.retained(), 0);
    assert!(
        read(frames(["ef", "gh"]), 5, &budget)
            .unwrap()
            .is_replayable()
    );
}

#[test]
fn a_body_dropped_while_it_is_read_gives_back_its_bytes() {
    let budget = budget();
    let mut reading = ReadAhead::new(frames(["ab", "cd"]), 10, &budget);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(reading.poll_read(&mut cx).is_pending());
    assert!(reading.poll_read(&mut cx).is_pending());
    assert_eq!(budget.retained(), 2);
    drop(reading);
    assert_eq!(budget.retained(), 0);
}

#[test]
fn trailers_are_replayed() {
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("1"));
    let frames = frames(["ab"]).then(Step::Trailers(trailers.clone()));
    let body = read(frames, 10, &budget()).unwrap();
    for body in [body.try_clone().unwrap(), body] {
        assert!(!body.is_end_stream());
        assert_eq!(collect(body).trailers(), Some(&trailers));
    }
}

#[test]
fn trailers_of_a_streaming_body_pass() {
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("1"));
    let frames = frames(["ab"]).then(Step::Trailers(trailers.clone()));
    let body = read(frames, 1, &budget()).unwrap();
    assert_eq!(collect(body).trailers(), Some(&trailers));
}

#[test]
fn an_empty_body_is_at_its_end_and_holds_nothing() {
    let body = read(Empty::<Bytes>::new(), 10, &budget()).unwrap();
    assert!(body.is_end_stream());
    assert!(body.is_replayable());
    assert_eq!(body.size_hint().exact(), Some(0));
}

#[test]
fn a_body_that_fails_while_it_is_read_was_not_sent() {
    let frames = frames(["ab"]).then(Step::Fail("the disk is gone"));
    let error = read(frames, 10, &budget()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::RequestBody);
    assert_eq!(error.class(), crate::model::Class::NeverSent);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "the disk is gone");
}

#[test]
fn a_body_that_fails_in_its_stream_may_have_been_sent() {
    let frames = frames(["ab"]).then(Step::Fail("the disk is gone"));
    let body = read(frames, 1, &budget()).unwrap();
    let error = block_on(body.collect()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Inner);
}

#[test]
fn debug_shows_no_content() {
    let body = read(frames(["secret"]), 10, &budget()).unwrap();
    assert_eq!(format!("{body:?}"), "ReplayBody { buffered: 6, .. }");
}

#[test]
fn data_in_more_than_one_slice_is_read_whole() {
    let frames =
        frames(["ab", "cd"]).map_frame(|frame| frame.map_data(|data| data.chain(&b"-"[..])));
    let body = read(frames, 10, &budget()).unwrap();
    assert_eq!(collect(body).to_bytes(), "ab-cd-");
}
