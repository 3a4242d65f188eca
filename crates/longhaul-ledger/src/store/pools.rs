//! The few connections that all clones of a store share.
//!
//! Why there may be two, one after the other. A file at rest is read as one that never changes (`immutable`): SQLite
//! then makes no file beside it, and needs no right to write the folder. As soon as somebody writes, that is no longer
//! true, and what such a connection reads may be torn. From then on the store reads over a second pool, which takes
//! part in SQLite's locks.
//!
//! Connections are made when they are needed, and made again after the file was closed: a store that outlives its
//! ledger reads on.

use std::{fmt, sync::OnceLock};

use sqlx::AnyPool;

#[cfg(all(feature = "sqlite", unix))]
use crate::file::AtRest;

/// One pool at a time.
pub(super) struct Pools {
    /// The one that is made at opening.
    first: AnyPool,
    /// Once the first was closed, or what it reads is not at rest any more.
    then: OnceLock<AnyPool>,
    /// Makes the second; it opens nothing by itself.
    make: Box<dyn Fn() -> AnyPool + Send + Sync>,
    #[cfg(all(feature = "sqlite", unix))]
    at_rest: Option<AtRest>,
}

impl Pools {
    /// What `make` makes, now and again after it was closed.
    pub(super) fn one(make: impl Fn() -> AnyPool + Send + Sync + 'static) -> Self {
        Self {
            first: make(),
            then: OnceLock::new(),
            make: Box::new(make),
            #[cfg(all(feature = "sqlite", unix))]
            at_rest: None,
        }
    }

    /// `alone` while the file is at rest, then what `make` makes.
    ///
    /// The caller has looked whether the file is at rest, and hands over how it was found.
    #[cfg(all(feature = "sqlite", unix))]
    pub(super) fn until(
        alone: AnyPool,
        at_rest: AtRest,
        make: impl Fn() -> AnyPool + Send + Sync + 'static,
    ) -> Self {
        Self {
            first: alone,
            then: OnceLock::new(),
            make: Box::new(make),
            at_rest: Some(at_rest),
        }
    }

    /// The one to take a connection from.
    ///
    /// Looks at the file first, with a few calls of the system: a reader must not take a connection that reads what is
    /// no longer true.
    pub(super) fn now(&self) -> &AnyPool {
        if self.first_holds() {
            return &self.first;
        }
        self.then.get_or_init(&self.make)
    }

    /// Whether `pool` read a file as it was before somebody began to write.
    pub(super) fn is_stale(&self, pool: &AnyPool) -> bool {
        std::ptr::eq(pool, &self.first) && !self.first_holds()
    }

    /// Whether a file is read as one that is at rest.
    pub(super) fn reads_alone(&self) -> bool {
        #[cfg(all(feature = "sqlite", unix))]
        return self.at_rest.is_some() && self.then.get().is_none();
        #[cfg(not(all(feature = "sqlite", unix)))]
        false
    }

    /// Whether what the first pool reads is what there is.
    pub(super) fn first_holds(&self) -> bool {
        #[cfg(all(feature = "sqlite", unix))]
        if let Some(at_rest) = &self.at_rest
            && (self.then.get().is_some() || !at_rest.holds())
        {
            return false;
        }
        !self.first.is_closed()
    }

    /// Closes every connection that nobody uses at this moment, and waits for the others.
    pub(super) async fn close(&self) {
        self.first.close().await;
        if let Some(then) = self.then.get() {
            then.close().await;
        }
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools")
            .field("first", &self.first)
            .finish_non_exhaustive()
    }
}
