//! `longhaul-ledger`: what was paid for, what of it never came, and what the provider owes back.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
