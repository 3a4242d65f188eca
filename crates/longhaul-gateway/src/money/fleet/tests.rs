use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use longhaul_testing::Postgres;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

const CAP: Cap = Cap {
    limit: Money::usd_micros(1_000_000),
    per: Per::Ever,
};
const PRICE: Money = Money::usd_micros(240_000);

#[tokio::test]
async fn a_settlement_that_is_written_twice_counts_once() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let fleet = Fleet::open(&postgres.database()).await.unwrap();
    let span = Span::of(&"alice".into(), CAP);
    let hold = async || {
        let held = FleetHold::new(span.clone()).unwrap();
        let fits = fleet.try_hold(&held, CAP, PRICE).await.unwrap();
        fits.map(|()| held)
    };
    let held = [hold().await, hold().await, hold().await, hold().await];
    let held = held.map(|held| held.expect("four fit"));
    let taken = hold().await.expect_err("a fifth does not fit");
    assert_eq!((taken.spent, taken.doubtful, taken.held), (0, 0, 960_000));
    for _ in 0..2 {
        for (held, charged) in held
            .iter()
            .zip([Charged::Spent, Charged::Doubtful, Charged::Free])
        {
            let settled = fleet.try_settle(held, PRICE.micros, charged).await;
            settled.unwrap();
        }
        let balance = fleet.balance(&span).await.unwrap();
        assert_eq!(
            (balance.spent, balance.doubtful, balance.held),
            (240_000, 240_000, 240_000)
        );
    }
}

/// A line to PostgreSQL at whose end the answer to one statement is lost, once `loses` is set: the statement is done, and
/// nobody is told.
async fn lossy(port: u16, loses: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let loses = loses.clone();
            tokio::spawn(async move {
                let (mut asked, mut answered) = ([0; 16 << 10], [0; 16 << 10]);
                let mut lost = false;
                loop {
                    tokio::select! {
                        Ok(length @ 1..) = near.read(&mut asked) => {
                            // The message `Bind`, with which a statement is carried out.
                            lost |= asked[0] == b'B' && loses.swap(false, Ordering::Relaxed);
                            far.write_all(&asked[..length]).await.unwrap();
                        }
                        Ok(length @ 1..) = far.read(&mut answered) => {
                            if lost {
                                return;
                            }
                            near.write_all(&answered[..length]).await.unwrap();
                        }
                        else => return,
                    }
                }
            });
        }
    });
    here
}

#[tokio::test]
async fn a_hold_whose_answer_was_lost_is_given_back() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let loses = Arc::new(AtomicBool::new(false));
    let port = lossy(postgres.port(), loses.clone()).await;
    let url = postgres.reached_by(&postgres.database(), port);
    let fleet = Fleet::open(&url).await.unwrap();
    let span = Span::of(&"alice".into(), CAP);
    let held = fleet.hold(span.clone(), CAP, PRICE).await.unwrap();
    loses.store(true, Ordering::Relaxed);
    let lost = fleet.hold(span.clone(), CAP, PRICE).await;
    assert!(matches!(lost, Err(ErrorKind::Ledger)), "{lost:?}");
    tokio::time::timeout(Duration::from_secs(20), async {
        while fleet.balance(&span).await.unwrap().held != PRICE.micros {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("what was never sent holds nothing");
    drop(held);
    fleet.idle().await;
    assert_eq!(fleet.balance(&span).await.unwrap(), Balance::default());
}

#[tokio::test]
async fn a_hold_that_is_given_back_while_it_is_written_holds_nothing() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let fleet = Fleet::open(&postgres.database()).await.unwrap();
    let span = Span::of(&"alice".into(), CAP);
    // The row of the span is there.
    drop(fleet.hold(span.clone(), CAP, PRICE).await.unwrap());
    let held = FleetHold::new(span.clone()).unwrap();
    let mut writing = fleet.pool.begin().await.unwrap();
    assert!(fleet.holds(&mut writing, &held, CAP, PRICE).await.unwrap());
    let commits = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        writing.commit().await.unwrap();
    };
    let (given_back, ()) = tokio::join!(fleet.try_give_back(&held), commits);
    given_back.unwrap();
    fleet.idle().await;
    assert_eq!(fleet.balance(&span).await.unwrap(), Balance::default());
}
