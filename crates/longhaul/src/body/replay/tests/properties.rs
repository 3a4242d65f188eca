//! What holds of every body, however it comes.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn replay_equals_original_for_any_chunking(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        limit in 1_u64..400,
        room in 0_u64..400,
        exact in any::<bool>(),
    ) {
        let whole = pieces.concat();
        let length = whole.len() as u64;
        let mut frames = frames(pieces);
        if exact {
            frames = frames.hinting(SizeHint::with_exact(length));
        }
        let budget = MemoryBudget::new(room);
        let body = read(frames, limit, &budget).unwrap();
        prop_assert_eq!(body.is_replayable(), length <= limit.min(room));
        prop_assert!(budget.retained() <= length.min(limit).min(room));
        if body.is_replayable() {
            prop_assert_eq!(body.size_hint().exact(), Some(length));
        }
        if let Some(again) = body.try_clone() {
            prop_assert_eq!(collect(again).to_bytes(), &whole);
        }
        prop_assert_eq!(collect(body).to_bytes(), &whole);
        prop_assert_eq!(budget.retained(), 0);
    }

    #[test]
    fn the_size_hint_counts_down_to_nothing(
        prefix in prop::collection::vec(any::<u8>(), 0..40),
        overflow in prop::collection::vec(any::<u8>(), 0..40),
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let whole = [&*prefix, &*overflow, &*rest].concat();
        let mut body = ReplayBody::streaming(
            [prefix.into(), overflow.into()],
            Full::new(Bytes::from(rest)),
        );
        let mut left = whole.len() as u64;
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            prop_assert_eq!(body.size_hint().exact(), Some(left));
            prop_assert_eq!(body.is_end_stream(), left == 0);
            match Pin::new(&mut body).poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => left -= frame.into_data().unwrap().len() as u64,
                Poll::Ready(None) => break,
                _ => prop_assert!(false, "such a body neither fails nor waits"),
            }
        }
        prop_assert_eq!(left, 0);
    }
}
