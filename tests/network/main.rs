//! Faults below HTTP: lost packets, a black hole, a cable that is pulled. The provider runs in a network namespace of
//! the test's own, the client outside of it.
//!
//! Where the machine does not allow namespaces these tests are listed as ignored, with the reason. The kernel's clocks
//! cannot be scaled, so the tests take the seconds that it takes.

mod black_hole;
mod inside;
mod outage;
mod sockets;
mod unreachable;

use std::{future::Future, process::ExitCode};

use libtest_mimic::{Arguments, Trial};
use longhaul_testing::Network;

fn main() -> ExitCode {
    if let Some(ended) = inside::run_if_asked() {
        return ended;
    }
    let mut arguments = Arguments::from_args();
    // They wait for the kernel.
    arguments.test_threads = arguments.test_threads.or(Some(8));
    let possible = arguments.list || Network::new().is_some();
    let tests = tests().into_iter();
    let tests = tests
        .map(|test| test.with_ignored_flag(!possible))
        .collect();
    libtest_mimic::run(&arguments, tests).exit_code()
}

/// A promise, and the test of it.
macro_rules! tests {
    ($($module:ident::$test:ident),+ $(,)?) => {
        fn tests() -> Vec<Trial> {
            vec![$(Trial::test(stringify!($test).replace('_', " "), || {
                within_runtime($module::$test());
                Ok(())
            })),+]
        }
    };
}

tests![
    outage::a_lossy_path_is_slower_and_nothing_else,
    outage::an_outage_of_seconds_is_survived_by_the_one_attempt,
    outage::a_request_that_is_written_into_an_outage_arrives_after_it,
    black_hole::a_black_hole_after_the_request_is_found_by_the_user_timeout,
    black_hole::a_black_hole_after_the_request_is_found_by_the_keepalive,
    black_hole::without_either_only_our_own_clock_ends_it,
    black_hole::a_black_hole_within_the_request_is_found_by_the_user_timeout,
    black_hole::a_black_hole_before_the_connection_is_never_sent_to,
    unreachable::a_whole_request_called_unreachable_is_an_unknown_outcome,
    unreachable::a_part_of_a_request_called_unreachable_is_sent_partial,
    unreachable::a_connection_called_unreachable_is_never_sent,
    sockets::a_silent_call_keeps_the_keepalive_timer_running,
    sockets::without_keepalive_no_timer_runs,
];

fn within_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test);
}
