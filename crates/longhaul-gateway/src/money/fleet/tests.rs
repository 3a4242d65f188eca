use longhaul_testing::Postgres;

use super::*;

#[tokio::test]
async fn a_settlement_that_is_written_twice_counts_once() {
    let Some(postgres) = Postgres::shared() else {
        return;
    };
    let fleet = Fleet::open(&postgres.database()).await.unwrap();
    let cap = Cap {
        limit: Money::usd_micros(1_000_000),
        per: Per::Ever,
    };
    let span = Span::of(&"alice".into(), cap);
    let price = Money::usd_micros(240_000);
    let hold = async || {
        let row = fleet.try_hold(&span, cap, price).await.unwrap();
        row.map(|row| FleetHold {
            span: span.clone(),
            row,
        })
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
            let settled = fleet.try_settle(held, price.micros, charged).await;
            settled.unwrap();
        }
        let balance = fleet.balance(&span).await.unwrap();
        assert_eq!(
            (balance.spent, balance.doubtful, balance.held),
            (240_000, 240_000, 240_000)
        );
    }
}
