//! Tables that read the same on a terminal and in Markdown.
//!
//! A figure has three significant digits: more would say that the next run gives the same.

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

/// A table with these headings: the first column is text, the others are figures.
pub(crate) fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(headings);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A figure with three significant digits or all that stand before the point, its thousands apart.
pub(crate) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = value.abs();
    let decimals = if magnitude >= 99.95 || magnitude == 0.0 {
        0
    } else if magnitude >= 9.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = match text.find('.') {
        Some(at) => text.split_at(at),
        None => (text.as_str(), ""),
    };
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let mut apart = String::from(sign);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_and_their_thousands_apart() {
        let texts = [0.0, 0.5, 9.99, 12.34, 358.4, 1_234_567.8, -1234.0, f64::NAN].map(figure);
        let expected = [
            "0",
            "0.50",
            "9.99",
            "12.3",
            "358",
            "1,234,568",
            "-1,234",
            "–",
        ];
        assert_eq!(texts, expected);
    }
}
