//! Every row of the tables of endings is a test of its own: `cargo test --test endings -- Gemini`.

mod answers;
mod openai_python;
mod transport;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use longhaul::Class;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut tests = answers::tests();
    tests.extend(openai_python::tests());
    tests.extend(transport::tests());
    libtest_mimic::run(&arguments, tests).exit_code()
}

/// A test that panics where it fails.
fn trial(table: &str, name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(format!("{table}::{name}"), move || {
        test();
        Ok(())
    })
}

fn class(name: &str) -> Class {
    Class::named(name).unwrap_or_else(|| panic!("no such class: {name}"))
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}
