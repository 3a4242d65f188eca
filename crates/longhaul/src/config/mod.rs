//! What the policies of all layers are read and checked with.
//!
//! Each layer's policy checks itself and names the field within it; whoever holds several policies puts its own key before
//! ([`ConfigError::under`]).

pub(crate) mod duration;
mod error;
pub(crate) mod header_name;
pub(crate) mod hosts;
pub(crate) mod key_names;
mod pattern;
pub(crate) mod table;
mod values;

pub(crate) use self::pattern::none_is_hidden;
pub(crate) use self::values::{bounded, nonzero, scale, scale_with_floor};
pub use self::{error::ConfigError, hosts::Hosts, pattern::Pattern};
