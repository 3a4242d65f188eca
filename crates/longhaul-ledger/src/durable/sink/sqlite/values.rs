//! What is bound to a statement's places.
//!
//! A trait of the tables' own ([`Columns`]) stands between an entry and its values, so that the order of columns is
//! written down once for both databases and for the checksum.

use std::{borrow::Cow, sync::Arc};

use sqlx::{Arguments as _, sqlite::SqliteArguments};

use super::super::count;
use crate::{
    durable::task::{self, TaskHandle},
    store::{
        columns::{self, Columns},
        day_micros,
    },
};

/// In the order of [`task::COLUMNS`].
pub(super) fn task_values(handle: &TaskHandle) -> Values {
    let mut values = Values::with_capacity(count(task::COLUMNS));
    values.id(handle.entry.0.into_bytes());
    values.shared(Some(&handle.task));
    values.shared(Some(&handle.dialect));
    values.shared(handle.poll_url.as_ref());
    values.number(Some(day_micros(handle.submitted_at)));
    values.number(handle.expires_at.map(day_micros));
    values.text(Some(handle.state.name().into()));
    values
}

/// Room for all values is taken at the beginning: a batch of 256 closings has some nine thousand of them.
pub(super) struct Values(pub(super) SqliteArguments);

impl Values {
    pub(super) fn with_capacity(values: usize) -> Self {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values, 0);
        Self(arguments)
    }

    fn add<'v>(&mut self, value: impl sqlx::Encode<'v, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>) {
        self.0
            .add(value)
            .expect("bytes, numbers and text need no conversion");
    }
}

impl<'a> Columns<'a> for Values {
    fn id(&mut self, id: [u8; 16]) {
        self.add(&id[..]);
    }

    fn number(&mut self, number: Option<i64>) {
        self.add(number);
    }

    fn text(&mut self, text: Option<Cow<'a, str>>) {
        self.add(text.map(Arc::<str>::from));
    }

    /// Text behind an `Arc` goes to SQLite's thread without a copy, as long as there is no NUL in it.
    fn shared(&mut self, text: Option<&'a Arc<str>>) {
        self.add(text.map(|text| match columns::plain(text) {
            Cow::Borrowed(_) => text.clone(),
            Cow::Owned(text) => text.into(),
        }));
    }
}
