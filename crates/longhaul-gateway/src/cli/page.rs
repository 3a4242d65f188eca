//! `--ledger`: the page of a ledger that other programs write.
//!
//! For people whose programs use the layers without a gateway: the same page over the ledger that those write. It
//! opens the ledger to read, so that the program that writes it is not disturbed.

use std::{error::Error, net::SocketAddr, time::Duration};

use longhaul_gateway::{
    config::ServerLimits,
    server::{Admin, Server, stop_signal},
};
use longhaul_ledger::{Location, Store};

/// Until a signal; then requests have 5 s to finish.
pub(crate) async fn run(ledger: &Location, page: SocketAddr) -> Result<(), Box<dyn Error>> {
    let store = Store::open(ledger).await?;
    let bound = Server::bind(page, ServerLimits::default()).await;
    let server = bound.map_err(|error| format!("`--page`: {page}: {error}"))?;
    println!("The page of {ledger}: http://{}/", server.address()?);
    let admin = Admin::of_ledger(store);
    let handler = move |request| {
        let admin = admin.clone();
        async move { admin.answer(request).await }
    };
    server
        .serve(handler, stop_signal(), Duration::from_secs(5))
        .await;
    Ok(())
}
