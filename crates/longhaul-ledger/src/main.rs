//! The ledger as a program.
fn main() {}
