//! Rows, column by column: PostgreSQL takes each as an array.
//!
//! `UNNEST` turns the arrays back into rows on the server. `COPY` would take whole rows, but cannot skip a row that is
//! there already, as a batch that is written again has them.

use std::{borrow::Cow, time::Duration};

use longhaul::{
    Class, End, Exposure, OperationId, Outcome, Phase,
    billing::{Closing, Opening},
    classify::Probability,
};
use sqlx::{Arguments as _, postgres::PgArguments};
use uuid::Uuid;

use crate::{
    error::LedgerError,
    store::columns::{self, Columns},
};

/// Rows, column by column.
///
/// The columns come into being with the first row, in the order in which the values are handed over; after that `next`
/// counts through them again. So the list of columns is written down in one place, `store::columns`.
#[derive(Clone, Default)]
pub(super) struct Rows<'a> {
    pub(super) columns: Vec<Array<'a>>,
    // Where the next value goes.
    pub(super) next: usize,
}

/// The three types that the tables have. A text borrows from the entry where it can.
#[derive(Clone)]
pub(super) enum Array<'a> {
    Ids(Vec<[u8; 16]>),
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<Cow<'a, str>>>),
}

/// Both tables, without rows: also an array of no rows has a type.
///
/// They are made from an entry that never existed, so that a column that is added later cannot be forgotten here.
pub(super) fn empty() -> (Rows<'static>, Rows<'static>) {
    let opening = Opening::new(OperationId::from_u128(0), 1);
    let exposure = Exposure::new(Probability::ZERO, None);
    let (end, class) = (End::Finished, Class::Delivered);
    let outcome = Outcome::new(end, class, Phase::Body, Duration::ZERO, exposure);
    let closing = Closing::new(outcome);

    let mut openings = Rows::default();
    columns::opening(Uuid::nil(), &opening, &mut openings);
    let mut closings = Rows::default();
    columns::ended(Uuid::nil(), &opening, &closing, &mut closings);
    closings.number(None);
    (openings.emptied(), closings.emptied())
}

impl<'a> Rows<'a> {
    /// The same columns, without rows.
    pub(super) fn emptied(&self) -> Rows<'static> {
        let columns = self.columns.iter().map(|column| match column {
            Array::Ids(_) => Array::Ids(Vec::new()),
            Array::Numbers(_) => Array::Numbers(Vec::new()),
            Array::Texts(_) => Array::Texts(Vec::new()),
        });
        Rows {
            columns: columns.collect(),
            next: 0,
        }
    }

    /// The column of the next value; made by `new`, where it is the first of it.
    fn column(&mut self, new: fn() -> Array<'a>) -> &mut Array<'a> {
        let index = self.next;
        self.next += 1;
        if self.columns.len() == index {
            self.columns.push(new());
        }
        &mut self.columns[index]
    }

    /// `first` is the number of the first place: the statement has other values before these.
    pub(super) fn unnest(&self, first: usize) -> String {
        let arrays: Vec<_> = (first..)
            .zip(&self.columns)
            .map(|(number, column)| format!("${number}::{}[]", column.kind()))
            .collect();
        format!("UNNEST({})", arrays.join(", "))
    }

    /// Values are copied into the message here; the rows can be dropped after it.
    pub(super) fn add_to(&self, arguments: &mut PgArguments) -> Result<(), LedgerError> {
        for column in &self.columns {
            match column {
                Array::Ids(ids) => arguments.add(ids),
                Array::Numbers(numbers) => arguments.add(numbers),
                Array::Texts(texts) => arguments.add(texts),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(())
    }
}

impl Array<'_> {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Ids(_) => "bytea",
            Self::Numbers(_) => "bigint",
            Self::Texts(_) => "text",
        }
    }
}

impl<'a> Columns<'a> for Rows<'a> {
    fn id(&mut self, id: [u8; 16]) {
        if let Array::Ids(ids) = self.column(|| Array::Ids(Vec::new())) {
            ids.push(id);
        }
    }

    fn number(&mut self, number: Option<i64>) {
        if let Array::Numbers(numbers) = self.column(|| Array::Numbers(Vec::new())) {
            numbers.push(number);
        }
    }

    fn text(&mut self, text: Option<Cow<'a, str>>) {
        if let Array::Texts(texts) = self.column(|| Array::Texts(Vec::new())) {
            texts.push(text);
        }
    }
}
