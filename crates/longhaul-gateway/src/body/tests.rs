use http_body_util::{Full, StreamBody};

use super::*;

fn limits(bytes: u64) -> ReadLimits {
    ReadLimits {
        bytes,
        silence: Duration::from_secs(5),
        time: Duration::from_secs(12),
    }
}

fn full(text: &'static str) -> Full<Bytes> {
    Full::from(text)
}

fn pieces(every: Duration, count: usize) -> impl Body<Data = Bytes, Error = BoxError> {
    StreamBody::new(futures_util::stream::unfold(
        count,
        move |left| async move {
            tokio::time::sleep(every).await;
            let left = left.checked_sub(1)?;
            Some((Ok(Frame::data(Bytes::from_static(b"ab"))), left))
        },
    ))
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_within_its_limits_or_refused() {
    let read = limits(6).read(pieces(Duration::from_secs(1), 3)).await;
    assert_eq!(read.unwrap(), "ababab");
    assert_eq!(limits(6).read(full("abc")).await.unwrap(), "abc");
    for (body, status) in [
        (pieces(Duration::from_secs(1), 4).boxed_unsync(), 413),
        (pieces(Duration::from_secs(6), 1).boxed_unsync(), 408),
        (pieces(Duration::from_secs(4), 3).boxed_unsync(), 408),
        (full("abcdefg").map_err(Into::into).boxed_unsync(), 413),
    ] {
        let refusal = limits(6).read(body).await.unwrap_err();
        assert_eq!(refusal.status().as_u16(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_passed_on_may_be_long_but_not_stand_still() {
    let all = limits(1)
        .paced(pieces(Duration::from_secs(4), 9).boxed_unsync())
        .collect()
        .await;
    assert_eq!(all.unwrap().to_bytes().len(), 18);
    let still = limits(1)
        .paced(pieces(Duration::from_secs(6), 1).boxed_unsync())
        .collect()
        .await;
    assert!(still.unwrap_err().to_string().contains("in time"));
}

#[tokio::test]
async fn what_is_held_goes_with_the_last_byte() {
    let held = std::sync::Arc::new(());
    let mut body = Holding::new(full("abc"), held.clone());
    assert_eq!(body.size_hint().exact(), Some(3));
    assert_eq!(std::sync::Arc::strong_count(&held), 2);
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().await.is_none());
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
}
