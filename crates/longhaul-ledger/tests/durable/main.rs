//! The writing side, against SQLite and PostgreSQL.

mod contract;
mod full;
mod postgres;
mod roundtrip;
mod sqlite;
mod support;
mod tracker;
