//! The bodies: one boxed for hyper, and hyper's own with its connection.

mod request;
mod response;

pub(crate) use self::request::RequestBody;
pub use self::response::ResponseBody;
