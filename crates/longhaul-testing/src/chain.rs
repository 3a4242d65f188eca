//! Errors, and what led to them.

use std::{error::Error, iter::successors};

/// An error with everything that led to it, as a log would show it.
///
/// ```
/// use longhaul_testing::{chain, reset};
///
/// assert_eq!(chain(&*reset()), "connection reset");
/// let outer = longhaul::Error::from_inner(reset());
/// assert!(chain(&outer).ends_with("connection reset"), "{}", chain(&outer));
/// ```
pub fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// The first error of that type in the chain that led to this one, which may be it.
///
/// ```
/// use std::io;
/// use longhaul_testing::{cause, reset};
///
/// let error = longhaul::Error::from_inner(reset());
/// let io: &io::Error = cause(&error).expect("an error of the operating system led to it");
/// assert_eq!(io.kind(), io::ErrorKind::ConnectionReset);
/// assert!(cause::<std::fmt::Error>(&error).is_none());
/// ```
pub fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}
