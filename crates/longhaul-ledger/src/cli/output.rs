//! Data on stdout: JSON, text, or a table. Words on stderr.
//!
//! A terminal obeys what it is sent. So every text from outside is made [`visible`] before a terminal sees it; a pipe
//! or a file gets the text as it is, but for tables, which are for people wherever they go.

use std::{
    fmt,
    io::{self, IsTerminal as _, StdoutLock, Write},
};

use longhaul_ledger::visible;
use serde::Serialize;

use super::table::{Column, Table};

/// Where data goes. A reader who goes away is an error of the kind `BrokenPipe`, and no failure of most commands.
///
/// Buffered: [`end`](Self::end) has to be called, and its error counts, since a full disk or a closed pipe shows only
/// there.
#[derive(Debug)]
pub(crate) struct Output {
    to: io::BufWriter<StdoutLock<'static>>,
    // A terminal is shown no character that steers it.
    terminal: bool,
    width: Option<usize>,
}

impl Output {
    /// Stdout is locked for as long as it lives; a command has one.
    pub(crate) fn new() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            to: io::BufWriter::new(stdout.lock()),
            terminal,
            width: width(terminal),
        }
    }

    /// One line of JSON.
    ///
    /// On a terminal, what JSON leaves as it is and a terminal would obey is written out too.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let line = serde_json::to_string(value)?;
        self.text(&line)?;
        self.to.write_all(b"\n")
    }

    /// A table of these columns, to be filled row by row.
    pub(crate) fn table<'o>(&'o mut self, columns: &[Column]) -> Table<'o> {
        let width = self.width;
        Table::new(self, columns, width)
    }

    /// A line of text from outside.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.to, "{}", visible(&text.to_string()))
    }

    /// Text of several lines.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        if !self.terminal {
            return self.to.write_all(text.as_bytes());
        }
        for line in text.split_inclusive('\n') {
            let (line, end) = match line.strip_suffix('\n') {
                Some(line) => (line, "\n"),
                None => (line, ""),
            };
            write!(self.to, "{}{end}", visible(line))?;
        }
        Ok(())
    }

    /// A line of which every cell was made visible.
    pub(super) fn raw_line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.to, "{line}")
    }

    /// Everything is written.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// As `export` writes: bytes of a table or of JSON.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.terminal {
            self.text(&String::from_utf8_lossy(bytes))?;
            return Ok(bytes.len());
        }
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// How many columns there are: as the variable says, or the terminal; a file has room for all.
///
/// `COLUMNS` counts for a file too: it makes a table for a mail, and a test need not have a terminal.
fn width(terminal: bool) -> Option<usize> {
    let told = std::env::var("COLUMNS").ok();
    let told = told.and_then(|columns| columns.parse().ok());
    let asked = || {
        let (_, columns) = console::Term::stdout().size_checked()?;
        Some(columns.into())
    };
    told.or_else(|| asked().filter(|_| terminal))
        .filter(|columns| *columns > 0)
}

/// Says something on stderr. Nobody needs to be able to read it.
///
/// A closed stderr is no reason to fail: the exit code tells.
pub(crate) fn say(words: impl fmt::Display) {
    let words = words.to_string();
    let mut stderr = io::stderr().lock();
    for line in words.lines() {
        let _ = writeln!(stderr, "{}", visible(line));
    }
}
