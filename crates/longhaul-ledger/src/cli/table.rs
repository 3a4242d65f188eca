//! Tables that fit their place, and need not be whole before they are shown.
//!
//! Two wishes conflict: columns as wide as their widest cell, which needs all rows, and rows that appear as they come.
//! So the first thousand rows decide which columns there are. Widths are theirs, and a later row that is wider moves the
//! columns from there on, within the same place.
//!
//! Where a terminal is too narrow, columns of the lowest worth are left out one by one, and stderr names them; only
//! what is left is cut, with an ellipsis. A column of the highest worth (255) is never left out. `tests/cli/words.rs`
//! (`narrow_terminal`) runs it at several widths.

use std::{borrow::Cow, io};

use longhaul_ledger::visible;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::output::{Output, say};

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Numbers end below each other.
    pub(crate) number: bool,
    /// Where there is no room for all, columns with a lower one go first.
    pub(crate) worth: u8,
}

/// A column of names.
///
/// Cells begin below each other.
pub(crate) const fn text(name: &'static str, worth: u8) -> Column {
    let number = false;
    Column {
        name,
        number,
        worth,
    }
}

/// A column of numbers.
pub(crate) const fn number(name: &'static str, worth: u8) -> Column {
    let number = true;
    Column {
        name,
        number,
        worth,
    }
}

/// Rows that are looked at together, to find how wide their columns are.
///
/// Some hundred kilobytes of text.
const CHUNK: usize = 1000;

/// Between two columns.
const GAP: usize = 2;

/// No column gets narrower than this.
const NARROWEST: usize = 6;

/// Rows that are not written yet, and what was decided for all.
#[derive(Debug)]
pub(crate) struct Table<'o> {
    output: &'o mut Output,
    room: Option<usize>,
    columns: Vec<Column>,
    /// Those that are shown, once that is decided.
    shown: Option<Vec<usize>>,
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl<'o> Table<'o> {
    /// `room` is the width of the place, `None` where there is room for everything.
    pub(super) fn new(output: &'o mut Output, columns: &[Column], room: Option<usize>) -> Self {
        Self {
            output,
            room,
            widths: columns.iter().map(|column| column.name.width()).collect(),
            columns: columns.to_vec(),
            shown: None,
            rows: Vec::new(),
        }
    }

    /// Every cell is made visible here, so that no caller has to think of it.
    pub(crate) fn row(&mut self, cells: Vec<String>) -> io::Result<()> {
        let visible = |cell: String| match visible(&cell) {
            Cow::Borrowed(_) => cell,
            Cow::Owned(shown) => shown,
        };
        self.rows.push(cells.into_iter().map(visible).collect());
        if self.rows.len() == CHUNK {
            self.write()?;
        }
        Ok(())
    }

    pub(crate) fn rows(&mut self, rows: impl IntoIterator<Item = Vec<String>>) -> io::Result<()> {
        rows.into_iter().try_for_each(|row| self.row(row))
    }

    /// The rest is written. A table without any row is nothing at all.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.write()
    }

    /// The first time it also decides which columns there are, and writes their names. Widths are made to fit each time,
    /// since every row may have made them grow.
    fn write(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let (first, shown) = match self.shown.take() {
            Some(shown) => (false, shown),
            None => (true, self.choose()),
        };
        self.fit(&shown);
        if first {
            let names: Vec<_> = self
                .columns
                .iter()
                .map(|column| column.name.to_owned())
                .collect();
            self.line(&shown, &names)?;
        }
        rows.iter().try_for_each(|row| self.line(&shown, row))?;
        self.shown = Some(shown);
        Ok(())
    }

    /// Decides which columns are shown, and says which are not.
    ///
    /// Of columns of equal worth the last one goes first. At least one column stays.
    fn choose(&self) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let Some(room) = self.room else {
            return shown;
        };
        let mut left_out = Vec::new();
        while self.needed(&shown) > room && shown.len() > 1 {
            let least = shown
                .iter()
                .enumerate()
                .rev()
                .min_by_key(|(_, column)| self.columns[**column].worth)
                .map_or(0, |(index, _)| index);
            // One that could be cut stays, where all are worth the most.
            if self.columns[shown[least]].worth == u8::MAX {
                break;
            }
            left_out.push(self.columns[shown.remove(least)].name);
        }
        if !left_out.is_empty() {
            say(format_args!(
                "{room} columns have no room for: {}; --json has all",
                left_out.join(", ")
            ));
        }
        shown
    }

    /// Narrows the widest columns until all have room, or none can be narrower.
    fn fit(&mut self, shown: &[usize]) {
        let Some(room) = self.room else { return };
        while self.needed(shown) > room {
            let widest = shown.iter().max_by_key(|column| self.widths[**column]);
            match widest {
                Some(column) if self.widths[*column] > NARROWEST => self.widths[*column] -= 1,
                _ => break,
            }
        }
    }

    fn needed(&self, shown: &[usize]) -> usize {
        let widths: usize = shown.iter().map(|column| self.widths[*column]).sum();
        widths + GAP * shown.len().saturating_sub(1)
    }

    /// Widths are those of letters on a terminal: `图` takes two places.
    fn line(&mut self, shown: &[usize], cells: &[String]) -> io::Result<()> {
        let mut line = String::new();
        for (place, column) in shown.iter().enumerate() {
            if place > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let width = self.widths[*column];
            let cell = cut(cells.get(*column).map_or("", |cell| cell), width);
            let room = " ".repeat(width.saturating_sub(cell.width()));
            if self.columns[*column].number {
                line.push_str(&room);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&room);
            }
        }
        self.output.raw_line(line.trim_end())
    }
}

/// A cell that is too wide ends in an ellipsis.
fn cut(cell: &str, width: usize) -> Cow<'_, str> {
    if cell.width() <= width {
        return cell.into();
    }
    let mut room = width.saturating_sub(1);
    let kept: String = cell
        .chars()
        .take_while(|letter| {
            let needed = letter.width().unwrap_or_default();
            let fits = needed <= room;
            room = room.saturating_sub(needed);
            fits
        })
        .collect();
    format!("{kept}…").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_cut_where_its_column_ends() {
        assert_eq!(cut("nano-banana-pro", 15), "nano-banana-pro");
        assert_eq!(cut("nano-banana-pro", 8), "nano-ba…");
        assert_eq!(cut("图图图", 4), "图…");
    }
}
