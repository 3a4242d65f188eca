//! The name of an operation that callers see: in `x-longhaul-operation`, in `Location`, in the log, on the page, as
//! the name of its file.
//!
//! It has the same bits as the `OperationId` in the ledger, so that one name leads from a caller's complaint to the
//! money.

use std::{fmt, str::FromStr};

use crate::core::OperationId;

/// The public name of an operation: 128 random bits, written `op_` and 32 hexadecimal digits.
///
/// It cannot be guessed, and still opens nothing by itself: an operation is shown to its owner and to admin keys alone.
///
/// ```
/// use longhaul_gateway::replay::PublicId;
///
/// let id = PublicId::new()?;
/// assert_eq!(id.to_string().len(), "op_".len() + 32);
/// assert_eq!(id.to_string().parse(), Ok(id));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What is read back is exactly what is written: capitals, other lengths and other prefixes are no ids.
///
/// ```
/// use longhaul_gateway::replay::PublicId;
///
/// assert!("op_00112233445566778899aabbccddeeff".parse::<PublicId>().is_ok());
/// for other in ["00112233445566778899aabbccddeeff", "op_0011", "op_00112233445566778899AABBCCDDEEFF"] {
///     assert!(other.parse::<PublicId>().is_err());
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId([u8; 16]);

/// Tells an operation's name from other random names in a log.
const PREFIX: &str = "op_";

impl PublicId {
    /// A new one; fails only where the system has no randomness.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        Ok(Self(bits))
    }

    /// The same bits as the name of the operation in the layers below, and in their ledger.
    pub(crate) const fn operation(self) -> OperationId {
        OperationId::from_u128(u128::from_be_bytes(self.0))
    }

    /// Back from there.
    pub(crate) const fn of_operation(operation: OperationId) -> Self {
        Self(operation.as_u128().to_be_bytes())
    }

    /// Its 32 hexadecimal digits, as files are named.
    pub(crate) fn digits(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads [`digits`](Self::digits).
    ///
    /// `None` for a file of the folder that is none of ours.
    pub(crate) fn of_digits(digits: &str) -> Option<Self> {
        let mut bits = [0; 16];
        // Capitals would be a second name for the same operation.
        let lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
        (lower && hex::decode_to_slice(digits, &mut bits).is_ok()).then_some(Self(bits))
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.digits())
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.strip_prefix(PREFIX)
            .and_then(Self::of_digits)
            .ok_or(())
    }
}
