//! Bodies: the request body that can be sent again, the response body that is watched as it passes.

mod replay;
mod watched;

pub use self::{
    replay::Replay,
    watched::{Watch, WatchedBody},
};
