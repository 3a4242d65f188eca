//! What attempts of one operation share: its id, and what an earlier target has used up of its allowances.
//!
//! The id is time-ordered (UUID version 7), so that a ledger's newest rows lie together in its index, and ids of one process
//! sort in the order in which the operations began. Two threads may begin in one millisecond: the counter within it is shared.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex},
    time::UNIX_EPOCH,
};

use uuid::{ContextV7, Timestamp, Uuid, fmt::Hyphenated};

use crate::{
    config::ConfigError,
    model::{Class, Exposure, wall_clock},
};

/// Names what the caller asked for, once: all its attempts share it.
///
/// A UUID of version 7: later ones sort after earlier ones. A caller that has a name of its own for what it asks sets that as a
/// request extension.
///
/// ```
/// use longhaul::OperationId;
///
/// // The name that a queue of one's own has for this picture: ledger, logs and reports then use it too.
/// let id: OperationId = "0198c5a2-7d3e-7c41-9f0a-3b1d5e6f7a80".parse()?;
/// let request = http::Request::post("https://api.example.com/v1/images/generations").extension(id);
/// assert_eq!(OperationId::from_u128(id.as_u128()), id);
/// assert!("42".parse::<OperationId>().is_err());
/// # Ok::<(), longhaul::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(Uuid);

impl OperationId {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self(time_ordered())
    }

    /// What `Display` writes.
    pub(crate) fn to_text(self) -> [u8; Hyphenated::LENGTH] {
        let mut text = [0; Hyphenated::LENGTH];
        self.0.hyphenated().encode_lower(&mut text);
        text
    }

    /// Its 128 bits.
    ///
    /// Ledgers store these 16 bytes, big end first, and sort by them:
    ///
    /// ```
    /// use longhaul::OperationId;
    ///
    /// let id: OperationId = "0198c5a2-7d3e-7c41-9f0a-3b1d5e6f7a80".parse()?;
    /// let stored = id.as_u128().to_be_bytes();
    /// assert_eq!(OperationId::from_u128(u128::from_be_bytes(stored)), id);
    /// # Ok::<(), longhaul::ConfigError>(())
    /// ```
    pub const fn as_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// The one with these 128 bits: for ledgers that read back what they wrote.
    pub const fn from_u128(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }
}

impl FromStr for OperationId {
    type Err = ConfigError;

    /// Reads what `Display` writes, and a UUID's other forms.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Uuid::try_parse(text).map(Self).map_err(|error| {
            ConfigError::new(
                "operation",
                format!("{text:?} is not an operation's id: {error}"),
            )
        })
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl serde::Serialize for OperationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A request extension: what is sent now goes on with an operation that already made attempts elsewhere.
///
/// Put there by the fallback layer for the next target. Without it, each target would begin with a full allowance of paid
/// attempts and duplicates, and an operation with three targets could be paid for nine times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PriorAttempts {
    pub(crate) operation: OperationId,
    /// The number of the last attempt.
    pub(crate) attempts: u32,
    /// The duplicates among them.
    pub(crate) duplicates: u32,
    /// Those among them that may be charged.
    pub(crate) paid: u32,
    /// The last of them that may be running and charged: beside it, what comes now is a duplicate.
    pub(crate) exposed: Option<Exposure>,
}

/// A later id of this process sorts after an earlier one, also within a millisecond. A clock that stands before 1970 counts
/// as one that stands at it.
fn time_ordered() -> Uuid {
    static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
    let time = wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = Timestamp::from_unix(&CONTEXT, time.as_secs(), time.subsec_nanos());
    Uuid::new_v7(time)
}

/// A request extension: after this target others may be asked.
///
/// Tells the retry layer when to give up this target early, so that the fallback layer can ask another one while there is
/// time for it.
#[derive(Clone, Debug)]
pub(crate) struct OtherTargets {
    /// After these endings here.
    pub(crate) after: Arc<[Class]>,
    /// Although attempts ended so that may be charged.
    pub(crate) despite: Arc<[Class]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_never_twice_and_in_the_order_of_time() {
        let before = wall_clock().duration_since(UNIX_EPOCH).unwrap();
        let make = || (0..2_000).map(|_| OperationId::new()).collect::<Vec<_>>();
        let others: Vec<_> = (0..3).map(|_| std::thread::spawn(make)).collect();
        let mut all = make();
        assert!(all.is_sorted());
        for id in &all {
            assert_eq!(
                (id.0.get_version_num(), id.0.get_variant()),
                (7, uuid::Variant::RFC4122)
            );
        }
        let (seconds, _) = all[0].0.get_timestamp().unwrap().to_unix();
        assert!((before.as_secs()..before.as_secs() + 60).contains(&seconds));
        all.extend(others.into_iter().flat_map(|other| other.join().unwrap()));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 8_000);
    }

    #[test]
    fn an_operations_id_is_read_back_from_its_text_and_its_bits() {
        let id = OperationId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(OperationId::from_u128(id.as_u128()), id);
        let error = "42".parse::<OperationId>().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("\"42\" is not an operation's id"),
            "{error}"
        );
    }
}
