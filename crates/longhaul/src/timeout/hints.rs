//! What the retry layer tells the timeout layer of an attempt, in the request's extensions.

/// Takes the head clock off an attempt: nothing is gained by cutting a paid call that no other follows.
///
/// A request extension; the retry layer sets it on the last attempt where its policy says so.
/// Without a [`Deadline`](crate::Deadline) on the request it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UncutHead;

/// Lets an attempt whose head clock ran out go on, until the operation's deadline: its picture may still
/// come, and the layer that set this looks at [`Attempt::is_late`](crate::Attempt::is_late).
///
/// A request extension; the retry layer sets it where its policy says so. Without a
/// [`Deadline`](crate::Deadline) on the request it changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepLate;

/// How many attempts of the operation had their head clock run out before this one: see
/// [`Limits::after_timeout`](super::Limits::after_timeout).
///
/// A request extension, set by the retry layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadExpiries(pub u32);

/// Tells Google's hosts how long the answer is waited for, in `X-Server-Timeout`: see
/// [`RetryPolicy::server_timeout`](crate::retry::RetryPolicy::server_timeout).
///
/// A request extension, set by the retry layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TellServer;
