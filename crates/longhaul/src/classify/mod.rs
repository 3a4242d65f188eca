//! What endings mean.

mod class;
mod failure;
pub(crate) mod status;

pub use self::class::{Class, Probability};
pub(crate) use self::failure::{cancelled_class, failure_class};
