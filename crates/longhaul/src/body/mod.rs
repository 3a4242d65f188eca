//! Bodies: the request body that can be sent again, the response body that is watched as it passes.

mod watched;

pub use self::watched::{Watch, WatchedBody};
