//! The matrix: every fault of the simulated provider, in every dialect, with small and large bodies, under every
//! policy, on real sockets in scaled time.
//!
//! `cells.txt` has one row a case and says of each what it means, what is done about it, what the ledger and the
//! provider write down, and what is left open. Every cell is a test of its own, with a runtime of its own, so that
//! nothing that one leaves behind is taken for another's: `cargo test --test matrix -- cut` runs some of them.

mod cell;
mod leaks;
mod seen;
mod stage;
mod table;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Cells mostly wait, so that many more run at once than there are processors; and so few that a small machine keeps
/// up.
const AT_ONCE: usize = 12;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    // The first runtime of a process opens sockets that it keeps.
    drop(tokio::runtime::Runtime::new());
    let sockets = leaks::sockets();

    let cells = table::cells();
    let complete = Trial::test("every fault has a row", table::is_complete);
    let cells = cells.into_iter().map(|cell| {
        let name = cell.name();
        Trial::test(name, move || cell.holds())
    });
    let conclusion = libtest_mimic::run(&arguments, [complete].into_iter().chain(cells).collect());
    if conclusion.has_failed() {
        return ExitCode::FAILURE;
    }
    let left = leaks::sockets();
    if left > sockets {
        eprintln!("{} sockets are open that no cell closed", left - sockets);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
