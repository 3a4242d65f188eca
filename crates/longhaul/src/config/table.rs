//! Data files: one row a line, cells between `|`, `#` begins a comment. Embedded, and parsed once.
//!
//! Knowledge that grows by a line, such as error texts and proxies' pages, stands in such files: a row can be read, added and
//! tested without reading code. A malformed row is a bug of this crate and ends the test that reads the file, never a call.

/// The rows of `text`, each of `N` cells without the blanks around them.
///
/// # Panics
///
/// At a row of another width. The files are compiled in, and a test reads each of them.
pub(crate) fn rows<const N: usize>(text: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            cells
                .try_into()
                .unwrap_or_else(|_| panic!("{N} cells are needed: {line}"))
        })
}

/// A cell that may be left empty.
pub(crate) fn filled(cell: &'static str) -> Option<&'static str> {
    (!cell.is_empty()).then_some(cell)
}
