//! What stands below a layer in its tests: a body and a client that do as they are told.
//!
//! Neither names a type of `longhaul`, whose own tests include this folder: as a dependency it would bring them a second copy
//! of the crate under test.

mod body;
mod client;

pub use self::{
    body::{MockBody, Step},
    client::MockClient,
};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a connection that was reset comes to.
///
/// ```
/// let error = longhaul_testing::reset();
/// let io: &std::io::Error = error.downcast_ref().expect("an error of the operating system");
/// assert_eq!(io.kind(), std::io::ErrorKind::ConnectionReset);
/// ```
pub fn reset() -> BoxError {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
}
