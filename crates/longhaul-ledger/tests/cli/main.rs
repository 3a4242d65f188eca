//! The program as a person or a script runs it, on SQLite and on PostgreSQL.

mod claims;
mod effects;
mod exports;
mod lists;
mod memory;
mod reports;
mod retention;
mod rules;
mod support;
mod words;
