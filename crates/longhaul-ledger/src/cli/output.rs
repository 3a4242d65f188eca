//! Data on stdout: JSON, or a table.

use std::io::{self, StdoutLock, Write};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Where data goes. A reader who goes away is an error of the kind `BrokenPipe`, and no failure.
#[derive(Debug)]
pub(crate) struct Output(io::BufWriter<StdoutLock<'static>>);

impl Output {
    pub(crate) fn new() -> Self {
        Self(io::BufWriter::new(io::stdout().lock()))
    }

    /// One line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, value)?;
        self.0.write_all(b"\n")
    }

    /// A table; columns from `numbers` on are set to the right.
    pub(crate) fn table(
        &mut self,
        header: &[&str],
        numbers: usize,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> io::Result<()> {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_header(header.to_vec());
        table.add_rows(rows);
        for column in table.column_iter_mut().skip(numbers) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(self.0, "{}", table.trim_fmt())
    }

    /// A line of text.
    pub(crate) fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.0, "{text}")
    }

    /// Text as it is.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }

    /// Everything is written.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
