//! A provider's log: whatever is accepted has amounts that nobody has to doubt, and is the same however it arrives;
//! whatever is refused is refused as a whole, naming a line of the file.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use longhaul_ledger::{
    LedgerErrorKind,
    reconcile::{ColumnMap, LogFormat, read},
};

/// Between the map of a CSV log's columns and its rows.
const ROWS: &str = "\n---\n";

/// Gives one byte at a time, as a slow connection does.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

/// What the input is a log of: New-API's, or with a map before it CSV.
fn split(input: &str) -> Option<(LogFormat, &str)> {
    let Some((map, rows)) = input.split_once(ROWS) else {
        return Some((LogFormat::new_api(), input));
    };
    match ColumnMap::from_toml("map.toml", map) {
        Ok(map) => Some((LogFormat::Csv(Box::new(map)), rows)),
        Err(error) => {
            assert!(!error.to_string().is_empty(), "it says why");
            None
        }
    }
}

fuzz_target!(|input: &str| {
    let Some((format, log)) = split(input) else {
        return;
    };
    let whole = read(&format, "log", log.as_bytes());
    let dribbled = read(&format, "log", Dribble(log.as_bytes()));
    match whole {
        Ok(rows) => {
            assert_eq!(dribbled.ok().as_ref(), Some(&rows), "pieces change nothing");
            assert!(rows.iter().all(|row| row.amount.micros >= 0));
        }
        Err(error) => {
            assert!(dribbled.is_err(), "pieces mend nothing");
            let LedgerErrorKind::File { file, line, .. } = error.kind() else {
                panic!("a file is refused as a file: {error}");
            };
            let lines = log.lines().count().max(1) as u64 + 1;
            assert!(file == "log" && *line <= lines, "{error}");
        }
    }
});
