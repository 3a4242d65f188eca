//! All policies of a stack in one value.

mod values;

pub(crate) use self::values::{nonzero, scale, scale_with_floor};
