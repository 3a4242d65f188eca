//! Keyed digests of what must be recognised and need not be kept.
//!
//! A plain hash would do for recognition, and not for secrecy: idempotency keys are order numbers and prompts are
//! short, so that whoever has the database could find them by trying. Under a secret that is made with the database
//! and never leaves it, a digest tells nothing without that secret. All who share the index share it, and recognise
//! each other's requests.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::index::Digest;

/// `parts` under `secret`. Each part is preceded by its length, so that no two lists of parts are the same bytes.
///
/// The first part names what the digest is of (`key`, `request`): the digest of a key is never that of a request.
pub(super) fn digest(secret: &[u8; 32], parts: &[&[u8]]) -> Digest {
    // HMAC pads a short key with zeros to the hash's block itself.
    let mut block = [0; 64];
    block[..secret.len()].copy_from_slice(secret);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    Digest(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_depend_on_the_secret_and_on_where_parts_end() {
        let of = |secret: u8, parts: &[&[u8]]| digest(&[secret; 32], parts);
        assert_eq!(of(1, &[b"ab", b"c"]), of(1, &[b"ab", b"c"]));
        assert_ne!(of(1, &[b"ab", b"c"]), of(1, &[b"a", b"bc"]));
        assert_ne!(of(1, &[b"ab"]), of(2, &[b"ab"]));
    }
}
