//! The values in a request.

/// A value in a request, as far as it can matter here.
#[derive(Clone, Copy, Debug)]
pub(super) enum RequestValue<'v> {
    Text(&'v str),
    Number(u64),
    Bool(bool),
    /// A list; its elements follow, each as a value.
    List,
    /// An object, a number that is no count, a file.
    Other,
}
