//! A durable ledger.
