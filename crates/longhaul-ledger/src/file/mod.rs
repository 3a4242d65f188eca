//! A file of SQLite's from the outside: its path, who may write into it, and whether it still is what was opened.
//!
//! Nothing here opens the database file once it exists: closing any descriptor of a file drops all of a process's POSIX
//! locks on it, those that SQLite holds among them.
//!
//! SQLite guards a file against two connections that write at once. What it does not guard against is told here: two
//! processes that both believe that they close what the other left open, a file that is removed under a living writer,
//! a log that is damaged in the middle.

mod identity;
mod lock;
mod path;
mod process;
mod wal;

pub(crate) use self::{
    identity::{AtRest, Guard},
    lock::Lock,
    path::{absolute, beside, private, readers_url},
    wal::{Unreadable, unreadable},
};
