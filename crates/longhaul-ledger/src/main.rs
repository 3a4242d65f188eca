//! `longhaul-ledger`: what was paid for, what of it never came, and what the provider owes back.
//!
//! The program is the library with a command line: whatever it does, a Rust program can do with [`longhaul_ledger`].

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
