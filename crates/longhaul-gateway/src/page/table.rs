//! Tables. A heading stands as its column does, and on a narrow screen, where each row is a block, beside each of its cells.

use maud::{Markup, html};

/// A column, by its heading.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// Words, which begin at the left.
    Words(&'static str),
    /// Figures, which end at the right, so that their digits stand below each other.
    Figures(&'static str),
    /// A picture of the other columns, without a heading.
    Chart,
}

impl Column {
    const fn heading(self) -> &'static str {
        match self {
            Self::Words(heading) | Self::Figures(heading) => heading,
            Self::Chart => "",
        }
    }

    fn class(self) -> Option<&'static str> {
        matches!(self, Self::Figures(_)).then_some("figures")
    }
}

/// Rows of as many cells as there are columns.
pub(super) fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<Markup>>) -> Markup {
    html! {
        div.table { table.rows {
            thead { tr { @for column in columns {
                th class=[column.class()] scope="col" { (column.heading()) }
            } } }
            tbody { @for row in rows { tr { @for (column, cell) in columns.iter().zip(row) {
                td class=[column.class()] data-heading=(column.heading()) { (cell) }
            } } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_stands_as_its_column_does() {
        let columns = [
            Column::Words("class"),
            Column::Figures("took"),
            Column::Chart,
        ];
        let row = ["Delivered", "1.0 s", ""].map(|cell| html! { (cell) });
        let table = table(&columns, [row.to_vec()]).into_string();
        for (words, figures) in [
            (
                "<th scope=\"col\">class</th>",
                "<th class=\"figures\" scope=\"col\">took</th>",
            ),
            (
                "<td data-heading=\"class\">Delivered</td>",
                "<td class=\"figures\" data-heading=\"took\">1.0 s</td>",
            ),
        ] {
            assert!(table.contains(words) && table.contains(figures), "{table}");
        }
    }
}
