//! The bodies: one boxed for hyper, and hyper's own with its connection.
//!
//! Both are there for one thing each: the request's notes when it has ended, without which nobody could say that all
//! was sent; the answer's polls its connection, since nobody else does.

mod request;
mod response;

pub(crate) use self::request::RequestBody;
pub use self::response::ResponseBody;
