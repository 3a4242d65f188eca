//! The program as a person or a script runs it, on SQLite and on PostgreSQL.

mod claims;
mod exports;
mod lists;
mod reports;
mod rules;
mod support;
