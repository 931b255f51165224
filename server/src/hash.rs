//! Hashes, as names.

use sha2::{Digest, Sha256};

/// The first `BYTES` bytes, up to 32, of the SHA-256 hash of `data`, in hexadecimal digits.
pub fn hash<const BYTES: usize>(data: &[u8]) -> String {
    let digest = Sha256::digest(data);
    let digits = digest[..BYTES].iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}
