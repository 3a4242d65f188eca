//! The main example as its users run it: what it prints, what it writes, how it exits.

mod bad;
mod document;
mod good;
mod run;
