//! The writing side, against SQLite and PostgreSQL.

mod backups;
mod contract;
mod damage;
mod failover;
mod first_version;
mod full;
mod moved;
mod paths;
mod postgres;
mod reading;
mod room;
mod roundtrip;
mod sqlite;
mod support;
mod tasks;
mod tracker;
